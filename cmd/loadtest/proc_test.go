package main

import (
	"testing"
	"time"
)

func TestStatOfAProcessWithAnAwkwardName(t *testing.T) {
	stat := "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 1203 0 0 0 250 75 9 9 20 0 12 0 91827 1234 567 18446744073709551615\n"
	used, err := parseStat([]byte(stat))
	if err != nil || used != 3250*time.Millisecond {
		t.Errorf("got %v, %v; want 3.25s", used, err)
	}
}

func TestStatThatCannotBeRead(t *testing.T) {
	for _, stat := range []string{"", "1 (short) S 1 2 3", "1 (x) S 1 1 1 0 -1 0 0 0 0 0 many 75 0 0 20 0"} {
		if used, err := parseStat([]byte(stat)); err == nil {
			t.Errorf("%q gives %v and no error", stat, used)
		}
	}
}

func TestResidentMemoryOfAStatus(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tx\nVmHWM:\t  9999 kB\nVmRSS:\t   20480 kB\nRssAnon:\t 1 kB\n": 20 << 20,
		"VmRSS:\t1 kB": 1 << 10,
	} {
		if found, err := parseRSS([]byte(status)); err != nil || found != want {
			t.Errorf("%q: got %d, %v; want %d", status, found, err, want)
		}
	}
	for _, status := range []string{"", "VmHWM:\t1 kB\n", "VmRSS:\tmuch kB\n"} {
		if found, err := parseRSS([]byte(status)); err == nil {
			t.Errorf("%q gives %d and no error", status, found)
		}
	}
}
