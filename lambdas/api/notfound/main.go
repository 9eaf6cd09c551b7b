// Answers what no other route takes.
package main

import "api/internal/lambda"

func main() {
	lambda.Start(func(request lambda.Request) (lambda.Response, error) {
		return lambda.JSON(404, map[string]string{"notFound": request.Path})
	})
}
