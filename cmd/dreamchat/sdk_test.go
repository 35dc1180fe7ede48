package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// sdkCall is something that a client of OpenAI's is told to do.
type sdkCall struct {
	// Do is models, model, whole, stream or tools.
	Do string `json:"do"`
	ID string `json:"id,omitempty"`
	// Request is what is asked, on OpenAI's wire.
	Request map[string]any    `json:"request,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// LeaveAfter so many chunks; 0 stays.
	LeaveAfter int `json:"leaveAfter,omitempty"`
	// Streams and Result are for tools: whether to stream, and what the tool says.
	Streams bool   `json:"streams,omitempty"`
	Result  string `json:"result,omitempty"`
}

// sdkHeard is what the client's program has of it.
type sdkHeard struct {
	Models    []string
	Content   string
	Finish    string
	Total     int64
	Chunks    int
	MessageID string
	Calls     []sdkToolCall
	Error     *sdkError
}

type sdkToolCall struct{ ID, Name, Arguments string }

// sdkError is an error as the client throws it. Class is for Node.js only.
type sdkError struct {
	Class, Code, Type, Message, RetryAfter string
	Status                                 int
}

// sdk makes calls one after the other with a client of OpenAI's. Its own retries
// are switched off.
type sdk func(t *testing.T, baseURL, token string, calls ...sdkCall) []sdkHeard

func sdks() map[string]sdk { return map[string]sdk{"node": nodeSDK, "go": goSDK} }

// nodeSDK calls the package openai of npm.
func nodeSDK(t *testing.T, baseURL, token string, calls ...sdkCall) []sdkHeard {
	t.Helper()
	node := program(t, "nodejs", "node")
	if _, err := os.Stat(filepath.Join("..", "..", ".tools", "node_modules", "openai", "package.json")); err != nil {
		t.Fatal("the packages of npm are missing: run .ci/npm")
	}
	job, err := json.Marshal(map[string]any{"baseURL": baseURL, "apiKey": token, "calls": calls})
	if err != nil {
		t.Fatal(err)
	}
	var told, complaint bytes.Buffer
	command := exec.Command(node, filepath.Join("testdata", "clients", "openai.mjs"))
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(job), &told, &complaint
	select {
	case <-spawn(t, command):
	case <-time.After(patience):
		t.Error("node does not end")
		return make([]sdkHeard, len(calls))
	}
	var heard []sdkHeard
	if err := json.Unmarshal(told.Bytes(), &heard); err != nil || len(heard) != len(calls) {
		t.Errorf("node told %.200q: %v\n%s", told.Bytes(), err, complaint.Bytes())
		return make([]sdkHeard, len(calls))
	}
	return heard
}
