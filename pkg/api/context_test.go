package api_test

import (
	"encoding/json"
	"testing"
)

// turnsOf lists the turns of a request to the provider.
func turnsOf(t *testing.T, body []byte) string {
	t.Helper()
	var request struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, turn := range request.Messages {
		told += turn.Role + ": " + turn.Content + "; "
	}
	return told
}
