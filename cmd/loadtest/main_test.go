package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets this test binary be the relays that it starts, as the program
// does with itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
