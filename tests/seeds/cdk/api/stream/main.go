package main

import (
	"fmt"

	"seeds/runtime"
)

type event struct {
	Records []struct {
		EventName string `json:"eventName"`
	}
}

func main() {
	runtime.Start(func(stream event) (int, error) {
		for _, record := range stream.Records {
			fmt.Println(record.EventName)
		}
		return len(stream.Records), nil
	})
}
