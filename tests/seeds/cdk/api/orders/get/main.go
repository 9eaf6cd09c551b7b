package main

import (
	"seeds/runtime"
	"shop/api/internal/gateway"
)

func main() {
	runtime.Start(func(request gateway.Request) (gateway.Response, error) {
		return gateway.JSON(200, map[string]string{"order": request.PathParameters["id"]})
	})
}
