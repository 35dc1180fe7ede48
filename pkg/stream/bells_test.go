package stream_test

import (
	"testing"

	"dreamchat/pkg/stream"
)

func rung(listener *stream.Listener) bool {
	select {
	case <-listener.C:
		return true
	default:
		return false
	}
}

func TestABellWakesThoseWhoListenToItsTopic(t *testing.T) {
	t.Parallel()
	var bells stream.Bells
	bells.Ring(t.Context(), "a") // nobody listens
	first, second, other := bells.Listen("a"), bells.Listen("a"), bells.Listen("b")
	if rung(first) {
		t.Error("a ring from before the listening was heard")
	}
	bells.Ring(t.Context(), "a")
	bells.Ring(t.Context(), "a")
	if !rung(first) || !rung(second) || rung(other) {
		t.Error("a ring is for all who listen to the topic, and for nobody else")
	}
	if rung(first) {
		t.Error("two rings that nobody heard are not one")
	}
	first.Close()
	first.Close()
	bells.Ring(t.Context(), "a")
	if rung(first) || !rung(second) {
		t.Error("closing ends the listening of one, and only of that one")
	}
}
