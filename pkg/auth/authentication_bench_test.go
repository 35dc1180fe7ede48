package auth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/store/storetest"
	"dreamchat/pkg/stream"
)

// What every request with an access token goes through: the token is parsed, its
// signature and claims are checked, and how its session and account stand is
// known, with the role. The last looks into the database once in a few seconds.
//
// The bare check of the signature is measured in turns with it, so that both have
// the machine as it is. "ratio" is how many times that the whole takes, by medians.
func BenchmarkAuthentication(b *testing.B) {
	s := storetest.SQLite(b)
	tokens := newTokens(b)
	standing := &auth.Standing{Store: s, Bells: new(stream.Bells)}
	issuers := &auth.Issuers{Tokens: tokens, Store: s, Standing: standing}
	accounts := &auth.Accounts{
		Store: s, Passwords: auth.NewPasswords(0), Tokens: tokens, Standing: standing, Log: slog.New(slog.DiscardHandler),
	}
	session, err := accounts.Register(b.Context(), auth.Registration{
		Email: "ann@example.com", Username: "ann", Password: password,
	}, client)
	if err != nil {
		b.Fatal(err)
	}
	authenticate := func() {
		caller, err := issuers.Verify(b.Context(), session.AccessToken)
		if err == nil {
			caller, err = standing.Check(b.Context(), caller)
		}
		if err != nil || caller.Role != auth.RoleUser {
			b.Fatalf("%+v, %v", caller, err)
		}
	}
	verify := bare(b, tokens, session.AccessToken)

	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			authenticate()
		}
	})
	b.Run("bare ed25519", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			verify()
		}
	})
	b.Run("in turns", func(b *testing.B) {
		var requests, signatures []time.Duration
		for b.Loop() {
			begun := time.Now()
			authenticate()
			between := time.Now()
			verify()
			requests = append(requests, between.Sub(begun))
			signatures = append(signatures, time.Since(between))
		}
		whole, signature := median(requests), median(signatures)
		b.ReportMetric(whole, "µs/request")
		b.ReportMetric(signature, "µs/ed25519")
		b.ReportMetric(whole/signature, "ratio")
	})
}

// bare checks the signature of the token and nothing else.
func bare(b *testing.B, tokens *auth.Tokens, token string) func() {
	b.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	public, signed := publicKey(b, tokens.Keys.Root()), []byte(token[:dot])
	return func() {
		if !ed25519.Verify(public, signed, signature) {
			b.Fatal("the signature does not match")
		}
	}
}

// median is in microseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Nanoseconds()) / 1000
}
