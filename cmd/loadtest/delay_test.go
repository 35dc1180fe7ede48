package main

import (
	"slices"
	"testing"
)

func TestStampsOfChunksInOneText(t *testing.T) {
	samples, err := appendSamples(nil, []byte("1700000000000000001toke 1700000000000000003toke "), 1700000000000000010)
	want := []sample{{1700000000000000001, 9}, {1700000000000000003, 7}}
	if err != nil || !slices.Equal(samples, want) {
		t.Errorf("got %v, %v; want %v", samples, err, want)
	}
	if _, err := appendSamples(nil, []byte("token token token token "), 1); err == nil {
		t.Error("a text without a stamp gives no error")
	}
}

func TestOnlyChunksCountThatWereSentWhileAllStreamsWereOpen(t *testing.T) {
	const ms = 1_000_000
	found, err := overlap([][]sample{
		{{10 * ms, 1 * ms}, {20 * ms, 2 * ms}, {30 * ms, 3 * ms}, {40 * ms, 4 * ms}},
		{{10 * ms, 9 * ms}, {20 * ms, 5 * ms}, {30 * ms, 6 * ms}, {40 * ms, 7 * ms}, {50 * ms, 8 * ms}},
		{{12 * ms, 9 * ms}, {30 * ms, 9 * ms}, {40 * ms, 9 * ms}},
	})
	if want := []float64{3, 4, 6, 7, 9, 9}; err != nil || !slices.Equal(found, want) {
		t.Errorf("got %v, %v; want %v", found, err, want)
	}
	if found, err := overlap([][]sample{{{10, 1}, {20, 1}}, {{30, 1}}}); err == nil {
		t.Errorf("streams that never met give %v and no error", found)
	}
}
