package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Step is one thing that a script does. What a step sends is flushed before
// the next one begins.
type Step func(*stage)

// Text sends one chunk of text for each piece.
func Text(pieces ...string) Step {
	return func(s *stage) {
		for _, piece := range pieces {
			s.delta("content", piece)
		}
	}
}

// Reasoning sends one chunk of reasoning for each piece.
func Reasoning(pieces ...string) Step {
	return func(s *stage) {
		for _, piece := range pieces {
			s.delta("reasoning", piece)
		}
	}
}

// Comment sends a comment line, as OpenRouter does while a model is slow.
func Comment(text string) Step { return Raw(": " + text + "\n\n") }

// Finish sends the chunk with the reason of the end.
func Finish(reason string) Step {
	return Chunk(`{"id":"gen-test","model":"test/model","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":` +
		quote(reason) + `}]}`)
}

// Usage sends the chunk with the tokens and the cost, a JSON number, that
// comes after the last choice. An empty cost is not told.
func Usage(prompt, completion, reasoning int, cost string) Step {
	if cost != "" {
		cost = `,"cost":` + cost
	}
	return Chunk(fmt.Sprintf(`{"id":"gen-test","model":"test/model","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,`+
		`"total_tokens":%d%s,"completion_tokens_details":{"reasoning_tokens":%d}}}`,
		prompt, completion, prompt+completion, cost, reasoning))
}

// Done sends the event that ends a stream.
func Done() Step { return Raw("data: [DONE]\n\n") }

// Answer is a whole answer: text word by word, finish, usage, end.
func Answer(text string) Step {
	words := strings.SplitAfter(text, " ")
	return func(s *stage) {
		for _, step := range []Step{
			Comment("OPENROUTER PROCESSING"), Text(words...), Finish("stop"), Usage(7, len(words), 0, "0.000123"), Done(),
		} {
			step(s)
		}
	}
}

// ErrorChunk sends the error of a stream that has begun. The code is JSON,
// such as 502 or "server_error" with its quotes.
func ErrorChunk(code, message string) Step {
	return Chunk(`{"id":"gen-test","error":{"code":` + code + `,"message":` + quote(message) +
		`},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`)
}

// Chunk sends an event of that JSON.
func Chunk(json string) Step { return Raw("data: " + json + "\n\n") }

// Raw sends bytes as they are.
func Raw(stream string) Step {
	return func(s *stage) { s.send([]byte(stream)) }
}

// Header sets a header of the response; it goes before anything that sends.
func Header(name, value string) Step {
	return func(s *stage) { s.writer.Header().Set(name, value) }
}

// Reply sends a response that is no stream.
func Reply(status int, contentType, body string) Step {
	return func(s *stage) {
		s.writer.Header().Set("Content-Type", contentType)
		s.writer.WriteHeader(status)
		s.begun = true
		s.send([]byte(body))
	}
}

// ErrorStatus sends an error before the stream, in OpenRouter's envelope. A
// retryAfter other than "" becomes the header of that name.
func ErrorStatus(status int, message, retryAfter string) Step {
	return func(s *stage) {
		if retryAfter != "" {
			s.writer.Header().Set("Retry-After", retryAfter)
		}
		Reply(status, "application/json", fmt.Sprintf(`{"error":{"code":%d,"message":%s}}`, status, quote(message)))(s)
	}
}

// Delay waits.
func Delay(wait time.Duration) Step {
	return func(s *stage) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.request.Context().Done():
			s.over = true
		}
	}
}

// Wait waits until the test closes the channel or sends to it.
func Wait(until <-chan struct{}) Step {
	return func(s *stage) {
		select {
		case <-until:
		case <-s.request.Context().Done():
			s.over = true
		}
	}
}

// Hang sends the header, if nothing was sent, and then nothing more until the
// client leaves.
func Hang() Step {
	return func(s *stage) {
		s.send(nil)
		Wait(nil)(s)
	}
}

// Silence does not even send the header until the client leaves.
func Silence() Step { return Wait(nil) }

// Cut breaks the connection off.
func Cut() Step {
	return func(*stage) { panic(http.ErrAbortHandler) } //nolint:forbidigo // how net/http is told to
}

// SplitBytes makes every step after it send at most n bytes at once.
func SplitBytes(n int) Step {
	return func(s *stage) { s.split = n }
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // no string fails
	return string(quoted)
}
