package api_test

import (
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

func TestUITurnThatIsRefused(t *testing.T) {
	t.Parallel()
	good := apitest.UITurn("chat-1", "m1", "Hi")
	message := func(id, role string, parts ...map[string]any) map[string]any {
		return apitest.With(good, "messages", []any{map[string]any{"id": id, "role": role, "parts": parts}})
	}
	text := map[string]any{"type": "text", "text": "Hi"}
	tests := []struct {
		name    string
		turn    any
		kind    problem.Kind
		pointer string
	}{
		{"no JSON", "{", problem.Malformed, ""},
		{"no id", apitest.With(good, "id", nil), problem.Invalid, "/id"},
		{"id with a blank", apitest.With(good, "id", "a b"), problem.Invalid, "/id"},
		{"id too long", apitest.With(good, "id", strings.Repeat("a", 201)), problem.Invalid, "/id"},
		{"messages are no list", apitest.With(good, "messages", "Hi"), problem.Invalid, "/messages"},
		{"no messages", apitest.With(good, "messages", []any{}), problem.Invalid, "/messages"},
		{"messages left out", apitest.With(good, "messages", nil), problem.Invalid, "/messages"},
		{"no message", apitest.With(good, "messages", []any{"Hi"}), problem.Invalid, "/messages/0"},
		{"answer at the end", message("a1", "assistant", text), problem.Invalid, "/messages/0"},
		{"message without id", message("", "user", text), problem.Invalid, "/messages/0/id"},
		{"message without parts", message("m1", "user"), problem.Invalid, "/messages/0/parts"},
		{"blank text", message("m1", "user", map[string]any{"type": "text", "text": " \n"}), problem.Invalid, "/messages/0/parts"},
		{"U+0000", message("m1", "user", map[string]any{"type": "text", "text": "a\x00"}), problem.Invalid, "/messages/0/parts"},
		{"long text", message("m1", "user", map[string]any{"type": "text", "text": strings.Repeat("a", 50_001)}), problem.TooLarge, "/messages/0/parts"},
		{
			"file", message("m1", "user", text, map[string]any{"type": "file", "mediaType": "image/png", "url": "data:,"}),
			problem.Invalid, "/messages/0/parts/1",
		},
		{"unknown trigger", apitest.With(good, "trigger", "resume-stream"), problem.Invalid, "/trigger"},
		{"bad messageId", apitest.With(good, "messageId", "a/b"), problem.Invalid, "/messageId"},
		{"anew, but what", map[string]any{"id": "chat-1", "trigger": "regenerate-message"}, problem.Invalid, "/messageId"},
		{"too hot", apitest.With(good, "temperature", 2.1), problem.Invalid, "/temperature"},
		{"no tokens", apitest.With(good, "maxTokens", 0), problem.Invalid, "/maxTokens"},
		{"many fallbacks", apitest.With(good, "fallbackModels", []string{"a", "b", "c", "d", "e", "f"}), problem.Invalid, "/fallbackModels"},
		{"unknown model", apitest.With(good, "modelId", "no/such"), problem.UnknownModel, ""},
		{"too large", apitest.With(good, "more", strings.Repeat("a", 4<<20)), problem.TooLarge, ""},
	}
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := user.In(t).Post("/api/v1/ai/chat", test.turn).Problem(test.kind)
			if test.pointer != "" && (len(found.Errors) != 1 || found.Errors[0].Pointer != test.pointer) {
				t.Errorf("what is wrong is %+v, want %s", found.Errors, test.pointer)
			}
		})
	}
	s.Nobody().Post("/api/v1/ai/chat", good).Problem(problem.Unauthenticated)
	s.Nobody().Get("/api/v1/ai/chat/chat-1/stream").Problem(problem.Unauthenticated)
	if len(s.Router.Exchanges()) > 0 || chatOf(user, "chat-1").ID != "" {
		t.Error("something was asked or made")
	}
	// The whole chat comes along.
	user.UIChat(t.Context(), apitest.With(good, "more", strings.Repeat("a", 3<<20))).Until("finish")
}
