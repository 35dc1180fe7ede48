package store_test

import (
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store/storetest"
)

// BenchmarkHistory reads what a model is shown of a long conversation: as much as a
// small window holds, and as much as any may hold.
func BenchmarkHistory(b *testing.B) {
	url := storetest.PostgresURL(b)
	s, conn := storetest.Open(b, url), bare(b, url)
	total := messageCount(b)
	c := fill(b, s, conn, total)
	for _, window := range []struct {
		name  string
		bytes int
	}{{"small", 16 << 10}, {"large", 4 << 20}} {
		b.Run(window.name, func(b *testing.B) {
			query := chat.HistoryQuery{ConversationID: c.ID, Before: int64(total), Messages: 1000, Bytes: window.bytes}
			for b.Loop() {
				history, err := s.History(b.Context(), query)
				if err != nil || len(history.Messages)+history.Older != total/10 {
					b.Fatalf("%d messages and %d older, %v", len(history.Messages), history.Older, err)
				}
			}
		})
	}
}
