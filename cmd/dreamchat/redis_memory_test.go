package main_test

import (
	"fmt"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// Redis holds what came since the last checkpoints and no more, and nothing for
// ever.
func TestRedisHoldsLittleOfAStream(t *testing.T) {
	t.Parallel()
	const bursts, size = 6, 350 << 10
	p := newPair(t)
	p.uncheck()
	burst := strings.Repeat("0123456789", size/10)
	var script []llmtest.Step
	gates := make([]chan struct{}, bursts)
	for i := range bursts {
		gates[i] = make(chan struct{})
		script = append(script, flow("content", burst, 1<<10, 0)...)
		script = append(script, llmtest.Wait(gates[i]))
	}
	tr := p.ask("Say very much", append(script, finish()...)...)
	var most int64
	for i := range bursts {
		tr.reach((i + 1) * size)
		most = max(most, p.streamMemory(tr.messageID))
		p.expires()
		eventually(t, "a checkpoint", func() bool { return p.stored(tr.messageID) == (i+1)*size })
		close(gates[i])
	}
	tr.settle(chat.StatusComplete)
	// Two bursts are between the checkpoints, and one may have come since.
	if most < size || most > 3.5*size {
		t.Errorf("Redis held up to %d bytes of a stream of %d", most, bursts*size)
	}
	eventually(t, "the stream is let go", func() bool { return p.streamMemory(tr.messageID) < 16<<10 })
	p.expires()
}

// streamMemory is what Redis takes for the events of an answer, in bytes.
func (p *pair) streamMemory(messageID string) int64 {
	p.t.Helper()
	key := fmt.Sprintf("dreamchat:stream:{%s}", messageID)
	n, err := p.redis.MemoryUsage(p.t.Context(), key, 0).Result()
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// expires fails the test if a key of a stream would stay.
func (p *pair) expires() {
	p.t.Helper()
	keys, err := p.redis.Keys(p.t.Context(), "dreamchat:stream:*").Result()
	if err != nil || len(keys) == 0 {
		p.t.Fatalf("the keys of streams are %q, %v", keys, err)
	}
	for _, key := range keys {
		if left, err := p.redis.PTTL(p.t.Context(), key).Result(); err != nil || left <= 0 {
			p.t.Errorf("%s stays for %s, %v", key, left, err)
		}
	}
}
