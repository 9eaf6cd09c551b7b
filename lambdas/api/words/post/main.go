// Counts the words of what is posted.
package main

import (
	"strings"

	"api/internal/lambda"
)

func main() {
	lambda.Start(func(request lambda.Request) (lambda.Response, error) {
		words := map[string]int{}
		for _, word := range strings.Fields(strings.ToLower(request.Body)) {
			words[word]++
		}
		return lambda.JSON(200, words)
	})
}
