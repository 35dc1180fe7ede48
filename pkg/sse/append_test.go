package sse_test

import (
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/sse"
)

func TestAppendBuildsAnEventInOneBuffer(t *testing.T) {
	t.Parallel()
	var b []byte
	b = sse.AppendRetry(b, time.Second)
	b = sse.AppendID(b, 1, 57)
	b = sse.Begin(b, "stream_chunk")
	b = append(b, `{"seq":57}`...)
	b = sse.End(b)
	b = sse.Begin(b, "")
	b = append(b, "[DONE]"...)
	b = sse.End(b)
	want := "retry: 1000\nid: 1.57\nevent: stream_chunk\ndata: {\"seq\":57}\n\ndata: [DONE]\n\n"
	if string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 256)
	allocs := testing.AllocsPerRun(100, func() {
		b = sse.AppendID(b[:0], 12, 123456)
		b = sse.End(append(sse.Begin(b, "stream_chunk"), "{}"...))
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func TestHeartbeatIsNoEvent(t *testing.T) {
	t.Parallel()
	stream := strings.Repeat(sse.Heartbeat, 3) + "data: a\n" + sse.Heartbeat + "data: b\n\n"
	got := readAll(t, strings.NewReader(stream), 1<<10)
	if len(got) != 1 || got[0].data != "a\nb" {
		t.Errorf("got %v, want one event with a and b", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	payload := []byte(`{"conversationId":"0197","messageId":"0198","seq":57,"offset":412,"kind":"text","chunk":" world","isComplete":false}`)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = sse.AppendID(buf[:0], 1, 57)
		buf = sse.Begin(buf, "stream_chunk")
		buf = append(buf, payload...)
		buf = sse.End(buf)
	}
}
