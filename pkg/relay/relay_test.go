package relay_test

import (
	"context"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/servertest"
)

func TestAnEventIsSeenHereAndThereOnceRedisHoldsIt(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, there := start(t, url), start(t, url)
	a := publish(here)
	here.gate.Shut()
	a.Append(word("a"))
	a.Append(word("b"))
	if a.log.Len() != 1 {
		t.Error("an event that only this process holds is shown")
	}
	a.Saved(2)
	if a.log.Len() != 2 {
		t.Errorf("the database holds 2 events, readers see %d", a.log.Len())
	}
	here.gate.Open()
	eventually(t, "Redis holds the rest", func() bool { return a.log.Len() == 3 })
	if found := tail(t, there, a.id, 2); texts(found.Events) != "b" || !found.Whole {
		t.Errorf("there is %+v", found)
	}
	a.Break(errGone)
}

func TestAStreamLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, client := start(t, url), servertest.RedisClient(t, url)
	a := publish(here)
	head, events := keys(a.id)
	a.Append(word("a"))
	eventually(t, "the event is in Redis", func() bool { return a.log.Len() == 2 })
	for _, key := range []string{head, events} {
		if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > 10*time.Minute {
			t.Errorf("%s expires in %s", key, ttl)
		}
	}
	a.Seal(chat.Event{Type: chat.EventComplete})
	eventually(t, "the head is gone", func() bool { return client.Exists(t.Context(), head).Val() == 0 })
	if ttl := client.PTTL(t.Context(), events).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("the end of a stream expires in %s", ttl)
	}
	if n := client.XLen(t.Context(), events).Val(); n != 1 {
		t.Errorf("the end of a stream takes %d entries", n)
	}
	if found := tail(t, here, a.id, 2); found.Whole || len(found.Events) > 0 {
		t.Errorf("a stream that has ended has %+v", found)
	}
}

// Whatever was on its way to Redis is forgotten too.
func TestAStreamThatIsForgottenLeavesNothingAtAll(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, client := start(t, url), servertest.RedisClient(t, url)
	var ids []string
	for range 20 {
		a, sealed := publish(here), publish(here)
		for range 10 {
			a.Append(word("a"))
		}
		sealed.Append(word("a"))
		sealed.Seal(chat.Event{Type: chat.EventComplete})
		a.Break(errGone)
		ids = append(ids, a.id, sealed.id)
	}
	if err := here.Forget(t.Context(), ids...); err != nil {
		t.Fatal(err)
	}
	if left := client.Keys(t.Context(), "*stream*").Val(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	here.gate.Shut()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := here.Forget(ctx, ids...); err == nil {
		t.Error("forgotten without Redis")
	}
}

func TestRedisHoldsOnlyWhatTheDatabaseMayNotHave(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	here, client := start(t, url), servertest.RedisClient(t, url)
	a := publish(here)
	_, events := keys(a.id)
	for n := 2; n <= 100; n++ {
		a.Append(word("x"))
		eventually(t, "the event is in Redis", func() bool { return a.log.Len() == n })
		a.Saved(n)
	}
	if n := client.XLen(t.Context(), events).Val(); n > 3 {
		t.Errorf("Redis holds %d entries of a stream that is saved after each", n)
	}
}
