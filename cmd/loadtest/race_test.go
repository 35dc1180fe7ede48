//go:build race

package main

// raceFlag makes the children share what was built for the tests.
const raceFlag = "-race=true"
