package main

import "seeds/runtime"

type event struct {
	Records []struct {
		MessageID string `json:"messageId"`
		Body      string `json:"body"`
	}
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

type answer struct {
	Failures []failure `json:"batchItemFailures"`
}

// Messages without a body are given back to the queue.
func main() {
	runtime.Start(func(batch event) (answer, error) {
		failed := answer{[]failure{}}
		for _, record := range batch.Records {
			if record.Body == "" {
				failed.Failures = append(failed.Failures, failure{record.MessageID})
			}
		}
		return failed, nil
	})
}
