package chat

import (
	"testing"
	"time"
)

func TestSettlementsAreTriedForAboutADay(t *testing.T) {
	t.Parallel()
	s := Settlements{Pause: 5 * time.Second, MaxPause: 2 * time.Hour, Tries: 22}
	var all time.Duration
	for tries := 1; tries < s.Tries; tries++ {
		about := min(5*time.Second<<(tries-1), 2*time.Hour)
		pause := s.pause(tries)
		if pause < about/2 || pause >= 3*about/2 {
			t.Errorf("after %d tries it waits %v, want about %v", tries, pause, about)
		}
		all += pause
	}
	if all < 12*time.Hour || all > 36*time.Hour {
		t.Errorf("in all it waits %v", all)
	}
	if a, b := s.pause(20), s.pause(20); a == b {
		t.Errorf("it always waits %v", a)
	}
}
