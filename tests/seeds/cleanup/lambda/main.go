// Gives every log group without a retention one of twelve months, and deletes the empty ones that are older than theirs.
package main

import (
	"time"

	"seeds/runtime"
)

const retentionInDays = 365

type group struct {
	Name         string `json:"logGroupName"`
	Retention    *int   `json:"retentionInDays"`
	StoredBytes  int64  `json:"storedBytes"`
	CreationTime int64  `json:"creationTime"`
}

type page struct {
	Groups []group `json:"logGroups"`
	Next   string  `json:"nextToken,omitempty"`
}

type report struct {
	Changed []string `json:"changed"`
	Deleted []string `json:"deleted"`
}

func main() {
	runtime.Start(handle)
}

func handle(any) (report, error) {
	done := report{[]string{}, []string{}}
	request := map[string]any{}
	for {
		var found page
		if err := call("DescribeLogGroups", request, &found); err != nil {
			return done, err
		}
		for _, one := range found.Groups {
			if err := tidy(one, &done); err != nil {
				return done, err
			}
		}
		if found.Next == "" {
			return done, nil
		}
		request["nextToken"] = found.Next
	}
}

func tidy(one group, done *report) error {
	named := map[string]any{"logGroupName": one.Name}
	if one.Retention == nil {
		done.Changed = append(done.Changed, one.Name)
		named["retentionInDays"] = retentionInDays
		return call("PutRetentionPolicy", named, nil)
	}
	ends := time.UnixMilli(one.CreationTime).AddDate(0, 0, *one.Retention)
	if one.StoredBytes > 0 || time.Now().Before(ends) {
		return nil
	}
	done.Deleted = append(done.Deleted, one.Name)
	return call("DeleteLogGroup", named, nil)
}
