package relay_test

import (
	"strconv"
	"strings"
	"testing"

	"dreamchat/pkg/servertest"
	"dreamchat/pkg/stream"
)

// rings rings until the listener hears it: the way there may not stand yet.
func rings(t testing.TB, from *instance, topic string, listener *stream.Listener) {
	t.Helper()
	eventually(t, "a ring is heard", func() bool {
		from.Ring(t.Context(), topic)
		return heard(listener)
	})
}

func heard(listener *stream.Listener) bool {
	select {
	case <-listener.C:
		return true
	default:
		return false
	}
}

// waits waits for one ring.
func waits(t testing.TB, what string, listener *stream.Listener) {
	t.Helper()
	eventually(t, what, func() bool { return heard(listener) })
}

func TestARingReachesTheOtherInstance(t *testing.T) {
	t.Parallel()
	url := servertest.StartRedis(t).URL // channels are not private to a database
	here, there := start(t, url), start(t, url)
	first, second, other := there.Listen("a"), there.Listen("a"), there.Listen("b")
	for _, listener := range []*stream.Listener{first, other} {
		waits(t, "who listens is rung once", listener)
	}
	heard(second)
	here.Ring(t.Context(), "a")
	waits(t, "a ring reaches the first", first)
	waits(t, "a ring reaches the second", second)
	settle(t, here)
	if heard(other) {
		t.Error("a ring reaches another topic")
	}
	first.Close()
	rings(t, here, "a", second)
	own := here.Listen("c")
	here.Ring(t.Context(), "c")
	if !heard(own) {
		t.Error("a ring does not reach the same instance at once")
	}
}

func TestListenersAreRungWhenRedisIsBack(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	here, there := start(t, server.URL), start(t, server.URL)
	listener := there.Listen("a")
	rings(t, here, "a", listener)
	server.Stop()
	late := there.Listen("b") // while Redis is away
	settleHeard(listener)
	server.Start()
	waits(t, "who listened before is rung", listener)
	waits(t, "who listened meanwhile is rung", late)
	rings(t, here, "a", listener)
	rings(t, here, "b", late)
}

func settleHeard(listener *stream.Listener) {
	for heard(listener) {
	}
}

func TestListenersComeAndGo(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	here, there, client := start(t, server.URL), start(t, server.URL), servertest.RedisClient(t, server.URL)
	for round := range 200 {
		topic := strconv.Itoa(round % 5)
		first := there.Listen(topic)
		if round%3 == 0 {
			first.Close()
			first = there.Listen(topic)
		}
		second := there.Listen(topic)
		first.Close()
		if round%10 == 0 {
			settleHeard(second)
			rings(t, here, topic, second)
		}
		second.Close()
	}
	eventually(t, "nobody is subscribed any more", func() bool {
		return len(client.PubSubChannels(t.Context(), "*").Val()) == 0
	})
	last := there.Listen("0")
	rings(t, here, "0", last)
}

// What is rung while Redis is away is dropped in the end, and gathers no more than
// so much.
func TestRingsWhileRedisIsAwayAreBounded(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	here, client := start(t, server.URL), servertest.RedisClient(t, server.URL)
	settle(t, here)
	client.ConfigResetStat(t.Context())
	here.gate.Shut()
	for range 100_000 {
		here.Ring(t.Context(), "a")
	}
	here.gate.Open()
	settle(t, here)
	calls := client.InfoMap(t.Context(), "commandstats").Item("Commandstats", "cmdstat_publish")
	var published int
	for field := range strings.SplitSeq(calls, ",") {
		if number, ok := strings.CutPrefix(field, "calls="); ok {
			published, _ = strconv.Atoi(number)
		}
	}
	if published > 50_000 { // in a few batches
		t.Errorf("%d rings were kept", published)
	}
}
