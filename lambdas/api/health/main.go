// Says that it is there.
package main

import "api/internal/lambda"

func main() {
	lambda.Start(func(request lambda.Request) (lambda.Response, error) {
		return lambda.JSON(200, map[string]bool{"healthy": true})
	})
}
