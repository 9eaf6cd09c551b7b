package main

import (
	"errors"

	"seeds/runtime"
)

type event struct {
	DetailType string `json:"detail-type"`
}

func main() {
	runtime.Start(func(sent event) (any, error) {
		if sent.DetailType == "" {
			return nil, errors.New("no detail-type")
		}
		return nil, nil
	})
}
