// Command hello says which platform it was compiled for.
package main

import (
	"os"
	"runtime"
)

func main() {
	if _, err := os.Stdout.WriteString("Hello from " + runtime.GOOS + "/" + runtime.GOARCH + "\n"); err != nil {
		os.Exit(1)
	}
}
