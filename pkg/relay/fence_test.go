package relay_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/servertest"
)

// settle returns once the instance has had Redis's word on all that was appended
// before.
func settle(t rapid.TB, i *instance) {
	t.Helper()
	marker := publish(i)
	marker.Append(word("."))
	eventually(t, "the instance reaches Redis", func() bool { return marker.log.Len() == 2 })
	marker.Break(errGone)
}

// shows fails the test unless the readers of the answer see n events.
func (a answer) shows(t testing.TB, n int, when string) {
	t.Helper()
	if got := a.log.Len(); got != n {
		t.Errorf("%s readers see %d events, want %d", when, got, n)
	}
}

// seized is an answer with two events, kept by Redis, that is taken away.
func seized(t testing.TB, here, there *instance) answer {
	t.Helper()
	a := publish(here)
	a.Append(word("a"))
	eventually(t, "the event is in Redis", func() bool { return a.log.Len() == 2 })
	seize(t, there, a.id, 1, "a", true)
	return a
}

func seize(t testing.TB, i *instance, messageID string, after int, text string, whole bool) {
	t.Helper()
	found, err := i.Seize(t.Context(), messageID, after)
	if err != nil || found.Whole != whole || texts(found.Events) != text {
		t.Errorf("seized %+v, %v; want %q, whole %t", found, err, text, whole)
	}
}

func TestASeizedStreamShowsNothingMore(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	a := seized(t, here, there)
	a.Append(word("b"))
	settle(t, here)
	a.shows(t, 2, "after the stream was seized,")

	a.Saved(3)
	a.shows(t, 3, "saved,")
	a.Append(word("c"))
	a.Saved(4)
	a.Append(word("d"))
	eventually(t, "a stream that is proved to be ours goes on", func() bool { return a.log.Len() == 5 })
	a.Break(errGone)
}

// The database may have held an answer for ours before it was seized, and say so
// after: to a process that was paused meanwhile.
func TestAnOldCheckpointProvesNothing(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	a := seized(t, here, there)
	a.Append(word("b"))
	settle(t, here)
	a.Saved(2)
	settle(t, here)
	a.shows(t, 2, "after an old checkpoint")
	there.Closed(t.Context(), a.id)
	settle(t, there)
	a.Saved(2)
	settle(t, here)
	a.Saved(2)
	settle(t, here)
	a.shows(t, 2, "after the answer was closed,")
	a.Break(errGone)
}

func TestAStreamIsSeizedBeforeItsFirstAddition(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	a := publish(here)
	seize(t, there, a.id, 1, "", false)
	a.Append(word("a"))
	settle(t, here)
	a.shows(t, 1, "after the stream was seized,")

	b := publish(here)
	seize(t, there, b.id, 1, "", false)
	there.Closed(t.Context(), b.id)
	settle(t, there)
	b.Append(word("a"))
	settle(t, here)
	b.shows(t, 1, "after the answer was closed,")
	a.Break(errGone)
	b.Break(errGone)
}

func TestAProofFromBeforeTheSecondSeizureIsWorthNothing(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	a := seized(t, here, there)
	a.Append(word("b"))
	settle(t, here)
	a.Append(word("c"))
	here.gate.Shut()
	a.Saved(4)
	a.Append(word("d"))
	seize(t, there, a.id, 4, "", true)
	here.gate.Open()
	settle(t, here)
	a.shows(t, 4, "after the stream was seized again,")
	a.Break(errGone)
}

func TestWhatRedisForgotIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there, client := start(t, url), start(t, url), servertest.RedisClient(t, url)
	a := publish(here)
	_, events := keys(a.id)
	a.Append(word("a"))
	eventually(t, "the event is in Redis", func() bool { return a.log.Len() == 2 })
	client.Del(t.Context(), events) // as a Redis does that runs out of memory
	seize(t, there, a.id, 1, "", false)
	seize(t, there, a.id, 1, "", false)
	seize(t, there, a.id, 2, "", true)
	client.FlushDB(t.Context())
	seize(t, there, a.id, 1, "", false)
	seize(t, there, a.id, 1, "", false)
	a.Break(errGone)
}

// A Redis that falls back to an older state, as after a failover, holds less than
// was shown.
func TestARedisThatFallsBackIsNoticed(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there, client := start(t, url), start(t, url), servertest.RedisClient(t, url)
	a := publish(here)
	head, events := keys(a.id)
	a.Append(word("a"))
	eventually(t, "the event is in Redis", func() bool { return a.log.Len() == 2 })
	old := map[string]string{head: client.Dump(t.Context(), head).Val(), events: client.Dump(t.Context(), events).Val()}
	a.Append(word("b"))
	eventually(t, "the event is in Redis", func() bool { return a.log.Len() == 3 })
	for key, value := range old {
		if err := client.RestoreReplace(t.Context(), key, time.Minute, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	a.Append(word("c"))
	settle(t, here)
	a.shows(t, 3, "after Redis fell back,")
	a.Saved(4)
	a.Append(word("d"))
	a.Saved(5)
	a.Append(word("e"))
	eventually(t, "the stream goes on", func() bool { return a.log.Len() == 6 })
	if found := tail(t, there, a.id, 5); texts(found.Events) != "e" || !found.Whole {
		t.Errorf("there is %+v", found)
	}
	a.Break(errGone)
}

// Whoever is told that a stream has ended looks into the row, however little there
// was of it and wherever the reader is.
func TestTheEndIsSeenFromEverywhere(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	short, long := publish(here), publish(here)
	short.Seal(chat.Event{Type: chat.EventError})
	for _, text := range []string{"a", "b", "c"} {
		long.Append(word(text))
	}
	eventually(t, "the events are in Redis", func() bool { return long.log.Len() == 4 })
	there.Closed(t.Context(), long.id)
	settle(t, here)
	settle(t, there)
	for after := range 6 {
		if tail(t, there, short.id, after).Whole || tail(t, there, long.id, after).Whole {
			t.Errorf("the end is not seen after event %d", after)
		}
	}
	long.Break(errGone)
}

func TestTheLastEndIsToldBeforeRunReturns(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	there := start(t, url)
	for range 20 {
		here := start(t, url)
		settle(t, here)
		a := publish(here)
		a.Seal(chat.Event{Type: chat.EventComplete})
		here.stop()
		if tail(t, there, a.id, 1).Whole {
			t.Fatal("the end is not told")
		}
	}
}

func TestAStreamThatRedisRefusesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, client := start(t, url), servertest.RedisClient(t, url)
	refused, fine := publish(here), publish(here)
	_, events := keys(refused.id)
	refused.Append(word("a"))
	settle(t, here)
	client.Set(t.Context(), events, "not a stream", 0)
	const many = 50
	begun := time.Now()
	for n := range many {
		refused.Append(word("b"))
		fine.Append(word("x"))
		eventually(t, "the other stream goes on", func() bool { return fine.log.Len() == n+2 })
	}
	if took := time.Since(begun); took > many*firstPause*3/4 {
		t.Errorf("%d events of another stream took %s", many, took)
	}
	refused.shows(t, 2, "refused,")
	refused.Saved(many + 2)
	refused.shows(t, many+2, "saved,")
	client.Del(t.Context(), events)
	refused.Append(word("c"))
	refused.Saved(many + 3)
	refused.Append(word("d"))
	eventually(t, "what is refused no more goes on", func() bool { return refused.log.Len() == many+4 })
	refused.Break(errGone)
	fine.Break(errGone)
}

// firstPause is the least that an instance waits when it cannot reach Redis.
const firstPause = 50 * time.Millisecond
