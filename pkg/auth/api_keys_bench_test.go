package auth_test

import (
	"log/slog"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// A key is looked up each time; BenchmarkAuthentication has the token beside it.
func BenchmarkVerifyAPIKey(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			s := open(b)
			keys := auth.NewAPIKeys(s, new(auth.Standing), slog.New(slog.DiscardHandler))
			text, _, err := keys.Create(b.Context(), storetest.User(b, s, "ann").ID, "Editor", nil, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
