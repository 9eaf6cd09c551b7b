package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"seeds/runtime"
)

func main() {
	runtime.Start(handle)
}

func handle(input string) (string, error) {
	fmt.Println("input: ", input)
	sum := sha256.Sum256([]byte(input))
	return base64.URLEncoding.EncodeToString(sum[:]), nil
}
