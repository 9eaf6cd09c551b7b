// Package runtime is a loop over Lambda's Runtime API, with the standard library only.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Start answers invocations with what handle returns, for ever.
func Start[In, Out any](handle func(In) (Out, error)) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		kind, answer := "response", any(nil)
		if out, err := invoke(event, handle); err != nil {
			kind, answer = "error", failure{err.Error(), fmt.Sprintf("%T", err)}
		} else {
			answer = out
		}
		body, _ := json.Marshal(answer)
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		sent, err := http.Post(base+id+"/"+kind, "application/json", bytes.NewReader(body))
		if err == nil {
			sent.Body.Close()
		}
	}
}

func invoke[In, Out any](event []byte, handle func(In) (Out, error)) (out Out, err error) {
	var in In
	if err = json.Unmarshal(event, &in); err != nil {
		return out, err
	}
	return handle(in)
}
