// Package lambda answers requests of API Gateway by a loop over Lambda's Runtime API, with the standard library only.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Request is the part of API Gateway's event that the handlers read.
type Request struct {
	Path                  string            `json:"path"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	Body                  string            `json:"body"`
}

// Response is what API Gateway makes an HTTP response of.
type Response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// JSON is a response with a value as its body.
func JSON(status int, value any) (Response, error) {
	body, err := json.Marshal(value)
	return Response{status, map[string]string{"Content-Type": "application/json"}, string(body)}, err
}

type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Start answers requests for ever.
func Start(handle func(Request) (Response, error)) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		kind, answer := answer(next.Body, handle)
		next.Body.Close()
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		if sent, err := http.Post(base+id+"/"+kind, "application/json", bytes.NewReader(answer)); err == nil {
			sent.Body.Close()
		}
	}
}

// What is answered, and whether it is a response or an error.
func answer(event io.Reader, handle func(Request) (Response, error)) (string, []byte) {
	var request Request
	err := json.NewDecoder(event).Decode(&request)
	var response Response
	if err == nil {
		response, err = handle(request)
	}
	if err != nil {
		body, _ := json.Marshal(failure{err.Error(), fmt.Sprintf("%T", err)})
		return "error", body
	}
	body, _ := json.Marshal(response)
	return "response", body
}
