package chat

import (
	"strings"
	"testing"
)

func TestTurnsKeepTheNewestThatFit(t *testing.T) {
	t.Parallel()
	history := []Message{
		{Role: RoleUser, Content: "aaaa"},
		{Role: RoleAssistant, Content: "bbbb"},
		{Role: RoleUser, Content: "cccc"},
		{Role: RoleAssistant, Content: "dddd"},
		{Role: RoleUser, Content: "eeee"},
	}
	tests := []struct {
		budget int
		want   string
	}{
		{20, "a b c d e"},
		{19, "c d e"}, // b does not stand without a
		{12, "c d e"},
		{11, "e"},
		{4, "e"},
		{0, "e"}, // the newest question goes in any case
	}
	for _, test := range tests {
		var got []string
		for _, turn := range turns(history, test.budget) {
			got = append(got, turn.Content[:1])
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("of %d bytes: %q, want %q", test.budget, got, test.want)
		}
	}
	if got := turns(nil, 100); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestBudgetLeavesRoomForTheAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct{ window, maxTokens, want int }{
		{1000, 400, 1800},
		{1000, 900, 1500}, // at least half of the window
		{1000, 5000, 1500},
		{0, 4096, 4096 * 3}, // the window is not known
	}
	for _, test := range tests {
		if got := budget(&Model{ContextLength: test.window}, test.maxTokens); got != test.want {
			t.Errorf("of %d tokens with %d for the answer: %d bytes, want %d", test.window, test.maxTokens, got, test.want)
		}
	}
}

func TestRequestHashTellsRequestsApart(t *testing.T) {
	t.Parallel()
	half, one, few := 0.5, 1.0, 9
	seen := make(map[string]int)
	for i, fields := range [][]any{
		{"send", "Hi", "", nil, nil},
		{"regenerate", "Hi", "", nil, nil},
		{"send", "Hi ", "", nil, nil},
		{"send", "Hi", "m", nil, nil},
		{"send", "H", "im", nil, nil},
		{"send", "Hi", "", &half, nil},
		{"send", "Hi", "", &one, nil},
		{"send", "Hi", "", nil, &few},
	} {
		hash := requestHash(fields...)
		if other, same := seen[hash]; same {
			t.Errorf("requests %d and %d have the same hash", other, i)
		}
		seen[hash] = i
		if requestHash(fields...) != hash {
			t.Errorf("request %d has two hashes", i)
		}
	}
}
