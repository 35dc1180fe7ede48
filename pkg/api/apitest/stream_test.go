package apitest_test

import (
	"io"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
)

const (
	streamHead = "X-Request-Id: r1\nContent-Type: text/event-stream\nCache-Control: no-store, no-transform\n" +
		"X-Accel-Buffering: no"
	events = "GET /api/v1/messages/01980f2e-9b07-7d90-b1c3-6e4a8f025c31/events"

	reset     = "retry: 1000\nevent: stream_reset\ndata: {\"reason\":\"invalid_cursor\"}\n\n"
	reconnect = "event: stream_reconnect\ndata: {\"reason\":\"draining\",\"retryMs\":1000}\n\n"
)

// transcript is the example of a stream in the document.
func transcript(t *testing.T, name string) string {
	t.Helper()
	text, ok := document(t).Components.Schemas[name].Value.Examples[0].(string)
	if !ok {
		t.Fatalf("%s has no example", name)
	}
	return strings.TrimRight(text, "\n") + "\n\n"
}

func TestTransportChecksStreams(t *testing.T) {
	t.Parallel()
	whole := transcript(t, "MessageStream")
	blocks := strings.SplitAfter(whole, "\n\n")
	ack, first, second, last := blocks[0], blocks[1], blocks[2], blocks[3]
	cut := func(old, replacement string) string {
		changed := strings.Replace(whole, old, replacement, 1)
		if changed == whole {
			t.Fatalf("the transcript does not hold %q", old)
		}
		return changed
	}
	tests := []struct{ name, stream, complaint string }{
		{"the document's example", whole, ""},
		{"resumed", second + last, ""},
		{"reset", reset + cut("retry: 1000\n", ""), ""},
		{"sent away", ack + first + reconnect, ""},
		{"cut off", ack + first, "without a terminal event"},
		{"cut off within an event", ack + reconnect + "data: {}\n", "within an event"},
		{"an event after the end", whole + reconnect, "stream_reconnect follows on stream_complete"},
		{"unknown event", ack + "event: message\ndata: {}\n\n" + reconnect, `the event "message" is not described`},
		{"wrong payload", cut(`"seq":2,"offset":0`, `"offset":0`), "seq"},
		{"undescribed member", cut(`"seq":2,`, `"seq":2,"tokens":1,`), "tokens"},
		{"data is not JSON", ack + strings.Replace(reconnect, "{", "(", 1), "not a JSON object"},
		{"id missing", cut("id: 1.4\n", ""), "id"},
		{"id not due", "id: 1.9\n" + reconnect, "id"},
		{"id malformed", cut("id: 1.4\n", "id: 1-4\n"), "/id"},
		{"id twice", ack + strings.TrimPrefix(ack, "retry: 1000\n") + reconnect, "the id 1.1 follows on 1.1"},
		{"id and seq disagree", cut(`"seq":3`, `"seq":4`), "has the seq 4"},
		{"a piece is missing", ack + second + reconnect, "begins at 6 and not at 0"},
		{"the last piece is missing", ack + first + last, "the length is told as 12 and is 6"},
		{"other text", cut(`"chunk":" world"`, `"chunk":" World"`), "the hash is not that of the text"},
		{"heartbeat with a blank line", cut(": hb\n", ": hb\n\n"), "a blank line ends no event"},
		{"other comment", cut(": hb", ": ping"), "is not the heartbeat"},
		{"retry later", cut("id: 1.2", "retry: 5\nid: 1.2"), "retry stands in event 2"},
		{"unknown field", cut("id: 1.2", "note: 5\nid: 1.2"), `the field "note"`},
		{"CRLF", cut("retry: 1000\n", "retry: 1000\r\n"), "there is a CR"},
		{"two data lines", ack + strings.Replace(reconnect, "data", "data: {}\ndata", 1), "repeats a field"},
		{"large frame", ack + strings.Replace(first, "Hello", strings.Repeat("x", 16<<10), 1) + reconnect, "the frame of stream_chunk takes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := new(recorder)
			response := wire{200, streamHead, strings.NewReader(test.stream)}
			if got := call(t, tb, newRequest(t, events, ""), response); got != test.stream {
				t.Errorf("the stream arrives as %q", got)
			}
			tb.hold(t, test.complaint)
		})
	}
}

func TestTransportChecksChangeStreams(t *testing.T) {
	t.Parallel()
	whole := transcript(t, "ChangeStream")
	cut := func(old, replacement string) string {
		changed := strings.Replace(whole, old, replacement, 1)
		if changed == whole {
			t.Fatalf("the transcript does not hold %q", old)
		}
		return changed
	}
	blocks := strings.SplitAfter(whole, "\n\n")
	again := "id: 99\nevent: feed_reset\ndata: {\"reason\":\"too_old\"}\n\n"
	tests := []struct{ name, stream, complaint string }{
		{"the document's example", whole, ""},
		{"resumed", strings.Join(blocks[1:], ""), ""},
		{"reset on the way", blocks[0] + blocks[1] + again + reconnect, ""},
		{"a change is missing", blocks[0] + strings.Join(blocks[2:], ""), "the id 43 follows on 41"},
		{"a change comes twice", strings.Join(blocks[:2], "") + strings.Join(blocks[1:], ""), "the id 42 follows on 42"},
		{"cut off", strings.Join(blocks[:3], ""), "without a terminal event"},
		{"an event after the end", whole + reconnect, "stream_reconnect follows on stream_reconnect"},
		{"id missing", cut("id: 45\n", ""), "missing property 'id'"},
		{"id malformed", cut("id: 41\n", "id: 1.1\n"), "/id"},
		{"wrong payload", cut(`"role":"user"`, `"role":"owner"`), "role"},
		{"undescribed member", cut(`"role":"user"`, `"role":"user","content":"Hi"`), "content"},
		{"event of another stream", cut("generation_started", "stream_chunk"), `the event "stream_chunk" is not described`},
		{"large frame", cut("Bread", strings.Repeat("x", 16<<10)), "the frame of conversation_updated takes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := new(recorder)
			call(t, tb, newRequest(t, "GET /api/v1/events", ""), wire{200, streamHead, strings.NewReader(test.stream)})
			tb.hold(t, test.complaint)
		})
	}
}

func TestTransportChecksCompletionStreams(t *testing.T) {
	t.Parallel()
	whole := transcript(t, "ChatCompletionStream")
	chunks := strings.TrimSuffix(whole, "data: [DONE]\n\n")
	failure := `data: {"error":{"message":"Broke off.","type":"server_error","param":null,"code":"upstream_error"}}` + "\n\n"
	tests := []struct{ name, stream, complaint string }{
		{"the document's example", whole, ""},
		{"failure", chunks + failure, ""},
		{"without its end", chunks, "ends without [DONE]"},
		{"ended twice", whole + "data: [DONE]\n\n", "follows on the last one"},
		{"chunk after a failure", failure + strings.SplitAfter(whole, "\n\n")[0], "follows on the last one"},
		{"end after a failure", failure + "data: [DONE]\n\n", "follows on the last one"},
		{"wrong chunk", strings.Replace(whole, `"index":0,`, `"index":"0",`, 1), "index"},
		{"not JSON", "data: {\n\n" + whole, "not a JSON object"},
		{"named event", "event: chunk\n" + whole, "other fields than data"},
	}
	body := `{"model":"dreamchat/demo","stream":true,"messages":[{"role":"user","content":"Hello"}]}`
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := new(recorder)
			response := wire{200, streamHead, strings.NewReader(test.stream)}
			call(t, tb, newRequest(t, "POST /api/v1/chat/completions", body), response)
			tb.hold(t, test.complaint)
		})
	}
}

func TestTransportPassesAStreamOnAsItComes(t *testing.T) {
	t.Parallel()
	blocks := strings.SplitAfter(transcript(t, "MessageStream"), "\n\n")
	reader, writer := io.Pipe()
	tb := new(recorder)
	response, err := apitest.LoadContract(t).Transport(tb, wire{200, streamHead, reader}).
		RoundTrip(newRequest(t, events, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks[:2] {
		go func() { _, _ = io.WriteString(writer, block) }()
		got := make([]byte, len(block))
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != block {
			t.Fatalf("read %q, %v", got, err)
		}
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	tb.hold(t, "") // a reader may leave at any time
}

func TestTransportChecksUIMessageStreams(t *testing.T) {
	t.Parallel()
	whole := transcript(t, "UIMessageStream")
	cut := func(old, replacement string) string {
		changed := strings.Replace(whole, old, replacement, 1)
		if changed == whole {
			t.Fatalf("the transcript does not hold %q", old)
		}
		return changed
	}
	part := func(json string) string { return "data: " + json + "\n\n" }
	start, _, _ := strings.Cut(whole, "\n\n")
	start += "\n\n"
	failed, last := part(`{"type":"error","errorText":"Broke off."}`), part("[DONE]")
	tests := []struct{ name, stream, complaint string }{
		{"the document's example", whole, ""},
		{"failed", start + failed + last, ""},
		{"without its end", strings.TrimSuffix(whole, last), "ends without [DONE]"},
		{"without the end of the message", start + last, "without the end of the message"},
		{"without its start", strings.TrimPrefix(whole, start), "event 1 is start-step"},
		{"two ends", start + failed + failed + last, "error follows on error"},
		{"ended twice", whole + last, "follows on the last one"},
		{"unknown part", start + part(`{"type":"hint"}`) + failed + last, "data"},
		{"unknown reason", cut(`"finishReason":"stop","messageMetadata"`, `"finishReason":"done","messageMetadata"`), "data"},
		{"undescribed member", cut(`"type":"text-start",`, `"type":"text-start","at":1,`), "data"},
		{"delta of another part", cut(`"text-delta","id":"2"`, `"text-delta","id":"1"`), `comes while "text 2" is open`},
		{"part that begins again", cut(part(`{"type":"text-start","id":"2"}`), part(`{"type":"reasoning-start","id":"1"}`)+part(`{"type":"reasoning-end","id":"1"}`)+part(`{"type":"text-start","id":"2"}`)), "reasoning-start"},
		{"part that does not end", cut(part(`{"type":"text-end","id":"2"}`), ""), "while text 2 is open"},
		{"named event", "event: part\n" + whole, "other fields than data"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := new(recorder)
			head := streamHead + "\nX-Vercel-Ai-Ui-Message-Stream: v1"
			call(t, tb, newRequest(t, "GET /api/v1/ai/chat/chat-1/stream", ""), wire{200, head, strings.NewReader(test.stream)})
			tb.hold(t, test.complaint)
		})
	}
}
