package llm_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
)

// chatOf is a history in which the user says these things.
func chatOf(said ...string) chat.Request {
	var turns []chat.Turn
	for i, content := range said {
		if i > 0 {
			turns = append(turns, chat.Turn{Role: chat.RoleAssistant, Content: "I see."})
		}
		turns = append(turns, chat.Turn{Role: chat.RoleUser, Content: content})
	}
	return chat.Request{ModelID: chat.DemoModelID, Messages: turns}
}

func demo(t *testing.T, request chat.Request) heard {
	t.Helper()
	got := listen(llm.Demo{}.Client().Complete(t.Context(), request))
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got
}

func TestDemoAnswersWhatItIsAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		said      []string
		has, lack []string
	}{
		{"a greeting", []string{"Hello!"}, []string{"demo model", "`OPENROUTER_API_KEY`", "!"}, []string{"“Hello"}},
		{"a question", []string{"What is the capital of France?"}, []string{"“the capital of France”", "only Dreamchat's built-in demo model"}, []string{"```", "Paris"}},
		{"a question after a greeting", []string{"hi, what's the weather like?"}, []string{"“the weather like”"}, nil},
		{"a request", []string{"Please write me a haiku about the sea."}, []string{"“the sea”"}, []string{"```", "\n- "}},
		{"no courtesies", []string{"Could you please tell me why the sky is blue?"}, []string{"“why the sky is blue”"}, nil},
		{"a list", []string{"LIST three fruits"}, []string{"\n- **", "\n\n- "}, []string{"```"}},
		{"bullets", []string{"your plans as bullets"}, []string{"\n- **"}, nil},
		{"steps", []string{"Tell me the Steps to bake bread"}, []string{"\n1. ", "\n4. ", "bake bread"}, []string{"```"}},
		{"code", []string{"Show me a FUNCTION that sorts"}, []string{"```go\npackage main\n", "\n```\n\n", "that sorts"}, []string{"\n- "}},
		{"code in a language", []string{"a python program please"}, []string{"```python\n", "print("}, []string{"```go"}},
		{"code and a list", []string{"an example in JavaScript, with bullets"}, []string{"```javascript\n", "\n- **"}, nil},
		{"who", []string{"Who are you?"}, []string{"no neural network"}, nil},
		{"thanks", []string{"What is Go?", "Thanks a lot!"}, []string{"“What is Go?”", "`OPENROUTER_API_KEY`"}, []string{"“Thanks"}},
		{"the third message", []string{"one", "two", "three"}, []string{"3", "“two”", "“three”"}, []string{"“one”"}},
		{"nothing", []string{""}, []string{"nothing to read"}, []string{"“”"}},
		{"another language", []string{"Wie wird das Wetter in Köln?"}, []string{"“Wie wird das Wetter in Köln”"}, nil},
		{"no spaces", []string{strings.Repeat("今天天气怎么样", 20)}, []string{"今天天气怎么样今天", "…”"}, nil},
		{"emoji", []string{"🙂👩‍👩‍👧"}, []string{"“🙂👩‍👩‍👧”"}, nil},
		{"Markdown and direction marks", []string{"about `x` **y** [z](http://a)\u202e <b>|\x00"}, []string{"“x y z(http://a) b”"}, []string{"\u202e", "**y", "<b>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := demo(t, chatOf(tt.said...))
			for _, part := range append(tt.has, "OPENROUTER_API_KEY", "demo") {
				if !strings.Contains(got.text, part) {
					t.Errorf("%q is missing in:\n%s", part, got.text)
				}
			}
			for _, part := range tt.lack {
				if strings.Contains(got.text, part) {
					t.Errorf("%q is in:\n%s", part, got.text)
				}
			}
			if got.reasoning != "" || got.finish != chat.FinishStop || got.model != chat.DemoModelID ||
				!strings.HasPrefix(got.generation, "gen-demo-") || !strings.HasSuffix(got.usage, ", 0") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDemoNamesAConversation(t *testing.T) {
	t.Parallel()
	for question, want := range map[string]string{
		"Why do chat servers stream? Answer with a list.": "Why do chat servers stream",
		"Please write me a haiku about the **sea**.":      "The sea",
		"Hello!":    "Hello!",
		"über Brot": "Über Brot",
		strings.Repeat("Show me the code of this ", 20):    "The code of this Show me the code of this Show me the code…",
		"think step by step: what is a list of good code?": "A list of good code",
	} {
		request := chatOf(question, chat.TitleInstruction)
		request.MaxTokens = new(chat.TitleMaxTokens)
		if got := demo(t, request); got.text != want || got.reasoning != "" || got.finish != chat.FinishStop {
			t.Errorf("%q is called %q, want %q (%s)", question, got.text, want, got.finish)
		}
	}
}

func TestDemoThinksWhenAsked(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"Think about cats", "Why are cats grey? Step by step, please", "REASON about cats"} {
		textCame := false
		reasoning := ""
		for delta, err := range (llm.Demo{}).Client().Complete(t.Context(), chatOf(said)) {
			if err != nil {
				t.Fatal(err)
			}
			textCame = textCame || delta.Text != ""
			reasoning += delta.Reasoning
			if delta.Reasoning != "" && textCame {
				t.Fatal("reasoning came after the text")
			}
		}
		if !strings.Contains(reasoning, "cats") || !textCame {
			t.Errorf("%q: reasoning %q", said, reasoning)
		}
	}
}

func TestDemoIsDeterministic(t *testing.T) {
	t.Parallel()
	phrasings := make(map[string]bool)
	for thing := range strings.FieldsSeq("cats dogs birds fish trees rivers stars bread") {
		request := chatOf("Tell me about " + thing)
		first, second := demo(t, request), demo(t, request)
		if first.text != second.text {
			t.Errorf("two answers to the same:\n%s\n%s", first.text, second.text)
		}
		if first.generation == second.generation {
			t.Errorf("two generations are both called %s", first.generation)
		}
		phrasings[strings.ReplaceAll(first.text, thing, "…")] = true
	}
	if len(phrasings) < 3 {
		t.Errorf("only %d phrasings", len(phrasings))
	}
}

func TestDemoHonoursMaxTokens(t *testing.T) {
	t.Parallel()
	whole := demo(t, chatOf("Tell me about cats"))
	words := len(strings.Fields(whole.text))
	for most, want := range map[int]int{0: 0, 1: 1, 7: 7, words - 1: words - 1, words: words, words + 1: words} {
		request := chatOf("Tell me about cats")
		request.MaxTokens = &most
		got := demo(t, request)
		reason := chat.FinishLength
		if most >= words {
			reason = chat.FinishStop
		}
		if n := len(strings.Fields(got.text)); n != want || !strings.HasPrefix(whole.text, got.text) || got.finish != reason {
			t.Errorf("at most %d: %d words, %s", most, n, got.finish)
		}
	}
}

func TestDemoSendsOneOrTwoWordsAtItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pace = 25 * time.Millisecond
		began := time.Now()
		chunks := 0
		for delta, err := range (llm.Demo{Pace: pace}).Client().Complete(t.Context(), chatOf("Hello")) {
			if err != nil {
				t.Fatal(err)
			}
			if delta.Text == "" {
				continue
			}
			chunks++
			if n := len(strings.Fields(delta.Text)); n < 1 || n > 2 {
				t.Errorf("%d words in %q", n, delta.Text)
			}
			if took := time.Since(began); took != time.Duration(chunks)*pace {
				t.Fatalf("chunk %d came after %v", chunks, took)
			}
		}
	})
}

func TestDemoStopsWhenItIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := heard{}
	for delta, err := range (llm.Demo{Pace: time.Millisecond}).Client().Complete(ctx, chatOf("Hello")) {
		got.text, got.err = got.text+delta.Text, err
		if got.text != "" {
			cancel()
		}
	}
	if !errors.Is(got.err, context.Canceled) || got.text == "" {
		t.Errorf("got %+v", got)
	}
}

// It is not parallel, since it would starve the tests beside it.
func TestDemoServesManyAtOnce(t *testing.T) {
	client := llm.Demo{}.Client()
	request := chatOf("Think, and say hello")
	want := listen(client.Complete(t.Context(), request)).text
	var group sync.WaitGroup
	for i := range 1000 {
		group.Go(func() {
			if i%10 == 0 { // some leave early
				for range client.Complete(t.Context(), request) {
					return
				}
			}
			if got := listen(client.Complete(t.Context(), request)); got.err != nil || got.text != want {
				t.Errorf("got %+v", got)
			}
		})
	}
	group.Wait()
}

func FuzzDemo(f *testing.F) {
	f.Add("What is Go?", "and a list")
	f.Add("👩‍👩‍👧\x00\xff\u202e", "```")
	f.Fuzz(func(t *testing.T, first, second string) {
		got := listen(llm.Demo{}.Client().Complete(t.Context(), chatOf(first, second)))
		if got.err != nil || !utf8.ValidString(got.text) || strings.Contains(got.text, "\x00") {
			t.Errorf("got %+v", got)
		}
		if strings.Count(got.text, "```")%2 != 0 {
			t.Errorf("a code block without end:\n%s", got.text)
		}
	})
}
