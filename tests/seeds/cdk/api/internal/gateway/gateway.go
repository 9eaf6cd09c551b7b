// Package gateway has what API Gateway sends and takes.
package gateway

import "encoding/json"

// Request is the part of a proxy event that counts here.
type Request struct {
	Path           string            `json:"path"`
	PathParameters map[string]string `json:"pathParameters"`
	Body           string            `json:"body"`
}

// Response is an answer to it.
type Response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

// JSON answers with a value.
func JSON(status int, value any) (Response, error) {
	body, err := json.Marshal(value)
	return Response{status, string(body)}, err
}
