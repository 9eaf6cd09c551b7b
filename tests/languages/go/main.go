// Answers the SHA-256 of its input, as base64url, with nothing but the standard library: the loop of a custom runtime.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		var input string
		json.Unmarshal(event, &input)
		sum := sha256.Sum256([]byte(input))
		answer, _ := json.Marshal(base64.URLEncoding.EncodeToString(sum[:]))
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		sent, err := http.Post(api+id+"/response", "application/json", bytes.NewReader(answer))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		sent.Body.Close()
	}
}
