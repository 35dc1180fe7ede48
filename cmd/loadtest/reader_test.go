package main

import (
	"strings"
	"testing"
	"testing/iotest"
)

const (
	bareAnswer = `: OPENROUTER PROCESSING

data: {"id":"gen","choices":[{"delta":{"role":"assistant","content":" token"}}]}

data: {"id":"gen","choices":[{"delta":{"role":"assistant","content":" token"}}]}

data: {"id":"gen","choices":[{"delta":{},"finish_reason":"stop"}]}

data: [DONE]

`
	serviceAnswer = `retry: 1000
id: 1.1
event: message_ack
data: {"messageId":"m","status":"streaming"}

id: 1.3
event: stream_chunk
data: {"messageId":"m","seq":3,"kind":"text","chunk":" token token","isComplete":false}

: hb
id: 1.4
event: stream_complete
data: {"messageId":"m","content":" token token","chunk":" not one"}

`
)

func TestAnswersAreCountedOnBothWires(t *testing.T) {
	asked := ask{chunks: 2, bytes: 6}
	for answer, w := range map[string]wire{bareAnswer: providerWire(), serviceAnswer: serviceWire()} {
		var seen strings.Builder
		found, err := w.read(iotest.OneByteReader(strings.NewReader(answer)), func(text []byte) bool {
			seen.Write(text)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := found.check(asked); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
		if seen.String() != " token token" {
			t.Errorf("%+v: the text is %q", w, &seen)
		}
	}
}

func TestAnAnswerThatIsNotWholeIsToldApart(t *testing.T) {
	asked := ask{chunks: 2, bytes: 6}
	for name, test := range map[string]struct{ answer, want string }{
		"cut":     {bareAnswer[:len(bareAnswer)-8], "ended before"},
		"fewer":   {strings.Replace(bareAnswer, ` token`, ``, 1), "lost"},
		"more":    {strings.Replace(bareAnswer, ` token`, ` token token`, 1), "lost"},
		"shorter": {strings.Replace(bareAnswer, ` token`, ` toke`, 1), "lost"},
	} {
		found, err := providerWire().read(strings.NewReader(test.answer), everything)
		if err == nil {
			err = found.check(asked)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want %q in it", name, err, test.want)
		}
	}
}

func TestAnErrorInTheStreamIsShown(t *testing.T) {
	for answer, w := range map[string]wire{
		"data: {\"error\":{\"code\":\"boom\"}}\n\n":                            providerWire(),
		"id: 1.2\nevent: stream_error\ndata: {\"code\":\"boom\"}\n\nid: 1.3\n": serviceWire(),
	} {
		if _, err := w.read(strings.NewReader(answer), everything); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("%q: the error is %v", answer, err)
		}
	}
}

func TestAReaderMayHaveEnough(t *testing.T) {
	found, err := providerWire().read(strings.NewReader(bareAnswer), func([]byte) bool { return false })
	if err != nil || found.chunks != 1 || found.ended {
		t.Errorf("got %+v, %v; want one chunk", found, err)
	}
}
