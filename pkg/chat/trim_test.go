package chat

import (
	"strings"
	"testing"
)

// told lists turns by the first letter of each, with what details they have.
func told(turns []Turn) string {
	var all []string
	for _, turn := range turns {
		all = append(all, turn.Content[:1]+turn.ReasoningDetails)
	}
	return strings.Join(all, " ")
}

func TestTrimKeepsTheNewestThatFit(t *testing.T) {
	t.Parallel()
	history := []Message{
		{Role: RoleUser, Content: "aaaa"},
		{Role: RoleAssistant, Content: "bbbb"},
		{Role: RoleUser, Content: "cccc"},
		{Role: RoleAssistant, Content: "dddd"},
		{Role: RoleUser, Content: "eeee"},
	}
	const each = 4 + turnBytes
	tests := []struct {
		budget int
		want   string
	}{
		{5 * each, "a b c d e"},
		{5*each - 1, "c d e"}, // b does not stand without a
		{3 * each, "c d e"},
		{3*each - 1, "e"},
		{each, "e"},
		{0, "e"}, // the newest question goes in any case
		{-each, "e"},
	}
	for _, test := range tests {
		if got := told(trim(history, test.budget)); got != test.want {
			t.Errorf("of %d bytes: %q, want %q", test.budget, got, test.want)
		}
	}
	if got := trim(nil, 100); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestTrimKeepsTheSystem(t *testing.T) {
	t.Parallel()
	history := []Message{
		{Role: RoleSystem, Content: "sss"},
		{Role: RoleUser, Content: "aaaa"},
		{Role: RoleAssistant, Content: "bbbb"},
		{Role: RoleSystem, Content: "tttt"},
		{Role: RoleUser, Content: "cccc"},
	}
	const system = 7 + 2*turnBytes
	tests := []struct {
		budget int
		want   string
	}{
		{system + 3*(4+turnBytes), "s a b t c"},
		{system + 3*(4+turnBytes) - 1, "s t c"},
		{0, "s t c"},
	}
	for _, test := range tests {
		if got := told(trim(history, test.budget)); got != test.want {
			t.Errorf("of %d bytes: %q, want %q", test.budget, got, test.want)
		}
	}
}

// Texts come before reasoning details, and newer details before older ones.
func TestTrimGivesTheRestToReasoningDetails(t *testing.T) {
	t.Parallel()
	old, recent := "[11]", "[2222]"
	history := []Message{
		{Role: RoleUser, Content: "a"},
		{Role: RoleAssistant, Content: "b", ReasoningDetails: &old},
		{Role: RoleUser, Content: "c"},
		{Role: RoleAssistant, Content: "d", ReasoningDetails: &recent},
		{Role: RoleUser, Content: "e"},
	}
	const each = 1 + turnBytes
	tests := []struct {
		budget int
		want   string
	}{
		{5*each + 10, "a b[11] c d[2222] e"},
		{5*each + 9, "a b c d[2222] e"},
		{5*each + 5, "a b c d e"},
		{4*each + 6, "c d[2222] e"},
		{3*each + 5, "c d e"},
	}
	for _, test := range tests {
		if got := told(trim(history, test.budget)); got != test.want {
			t.Errorf("of %d bytes: %q, want %q", test.budget, got, test.want)
		}
	}
}

func TestBudgetLeavesRoomForTheAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct{ window, maxTokens, want int }{
		{1000, 400, 1800},
		{1000, 900, 1500}, // at least half of the window
		{1000, 5000, 1500},
		{0, 4096, 4096 * 3}, // the window is not known
		{1 << 40, 100, historyBytes},
		{1, 1, 3},
	}
	for _, test := range tests {
		if got := budget(&Model{ContextLength: test.window}, test.maxTokens); got != test.want {
			t.Errorf("of %d tokens with %d for the answer: %d bytes, want %d", test.window, test.maxTokens, got, test.want)
		}
	}
}

func TestTheAnswerTakesNoMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	tests := []struct{ window, maxTokens, size, want int }{
		{1000, 400, 1800, 400},
		{1000, 900, 300, 900},
		{1000, 5000, 300, 900},
		{1000, 900, 1500, 500},
		{1000, 900, 9000, 250}, // the estimate may be wrong
		{0, 900, 9000, 900},
		{1, 900, 9000, 1},
	}
	for _, test := range tests {
		turns := []Turn{{Content: strings.Repeat("x", test.size-turnBytes-10), ReasoningDetails: "[12345678]"}}
		if got := answerRoom(&Model{ContextLength: test.window}, test.maxTokens, turns); got != test.want {
			t.Errorf("of %d tokens with %d bytes of turns: %d of %d, want %d", test.window, test.size, got, test.maxTokens, test.want)
		}
	}
}

func TestOnlyWhatCannotFitForCertainIsRefused(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("ab", 8_000) // 16,000 bytes, a thousand tokens at the very least
	tests := []struct {
		window  int
		content string
		refused bool
	}{
		{999, text, true},
		{1000, text, false},
		{0, text, false},
		{999, strings.Repeat("漢字", 2_000), false},
		{749, strings.Repeat("漢字", 2_000), true},
		{1, strings.Repeat("─", 50_000), false}, // a ruler may be few tokens
	}
	for _, test := range tests {
		if err := checkWindow(&Model{ID: "m", ContextLength: test.window}, test.content); (err != nil) != test.refused {
			t.Errorf("%d bytes in a window of %d: %v", len(test.content), test.window, err)
		}
	}
}
