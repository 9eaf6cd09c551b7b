package main

import "seeds/runtime"

func main() {
	runtime.Start(handle)
}

func handle(any) (string, error) {
	return "Hello World", nil
}
