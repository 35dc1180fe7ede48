package jwks_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/jwks"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
)

// run follows an issuer until the end of the test.
func run(t *testing.T, url string, every time.Duration) *jwks.Set {
	t.Helper()
	set := jwks.New(url, jwks.NewTransport(), slog.New(slog.DiscardHandler))
	set.Every = every
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return set
}

// knows fails the test unless the key can be found, for its algorithm.
func knows(t *testing.T, set *jwks.Set, key jwkstest.Key) {
	t.Helper()
	found, err := set.Key(t.Context(), key.ID)
	public := key.Private.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	if err != nil || found.Algorithm != key.Method.Alg() || !public.Equal(found.Public) {
		t.Fatalf("key %s is %+v, %v", key.ID, found, err)
	}
}

func wantKind(t *testing.T, err error, want problem.Kind) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, want %v", err, want)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func TestKeysAreFetchedAtOnceAndKeptForEachAlgorithm(t *testing.T) {
	t.Parallel()
	first, second := jwkstest.Ed25519(t, "first"), jwkstest.RSA(t, "second", 2048)
	issuer := jwkstest.New(t, first, second)
	set := run(t, issuer.URL+jwkstest.Path, time.Hour)
	knows(t, set, first)
	knows(t, set, second)
	if calls := issuer.Calls(); calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestKeysRotateInTheBackground(t *testing.T) {
	t.Parallel()
	old, young := jwkstest.Ed25519(t, "old"), jwkstest.Ed25519(t, "young")
	issuer := jwkstest.New(t, old)
	set := run(t, issuer.URL+jwkstest.Path, 5*time.Millisecond)
	knows(t, set, old)
	issuer.Publish(old, young)
	eventually(t, "the new key is known", func() bool {
		_, err := set.Key(t.Context(), young.ID)
		return err == nil
	})
	issuer.Publish(young)
	eventually(t, "the old key is dropped", func() bool {
		_, err := set.Key(t.Context(), old.ID)
		return errors.Is(err, problem.TokenKeyUnknown)
	})
	knows(t, set, young)
	issuer.Publish()
	eventually(t, "all keys are dropped", func() bool {
		_, err := set.Key(t.Context(), young.ID)
		return errors.Is(err, problem.TokenKeyUnknown)
	})
}

func TestTokenOfANewKeyWaitsForIt(t *testing.T) {
	t.Parallel()
	old, young := jwkstest.Ed25519(t, "old"), jwkstest.Ed25519(t, "young")
	issuer := jwkstest.New(t, old)
	set := run(t, issuer.URL+jwkstest.Path, time.Hour)
	knows(t, set, old)
	issuer.Publish(old, young)
	knows(t, set, young)
	if calls := issuer.Calls(); calls != 2 {
		t.Errorf("%d calls, want one for each set", calls)
	}
}

func TestUnknownKeysMakeOneCallAndNobodyQueues(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	set := run(t, issuer.URL+jwkstest.Path, time.Hour)
	knows(t, set, key)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	issuer.Reply(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		_, _ = w.Write(jwkstest.Document(key))
	})
	var callers sync.WaitGroup
	for caller := range 1000 {
		callers.Go(func() {
			_, err := set.Key(t.Context(), fmt.Sprintf("unknown-%d", caller))
			if !errors.Is(err, problem.TokenKeyUnknown) {
				t.Errorf("unknown key: %v", err)
			}
		})
	}
	<-asked
	knows(t, set, key) // who has a good token does not wait
	close(answer)
	callers.Wait()
	for caller := range 100 {
		_, err := set.Key(t.Context(), fmt.Sprintf("later-%d", caller))
		wantKind(t, err, problem.TokenKeyUnknown)
	}
	if calls := issuer.Calls(); calls != 2 {
		t.Errorf("%d calls, want the first one and one for all unknown keys", calls)
	}
}

func TestOutageKeepsTheKeys(t *testing.T) {
	t.Parallel()
	huge := `{"keys":[` + `{"more":"` + strings.Repeat("x", 300_000) + `"}]}`
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, reply := range map[string]http.HandlerFunc{
		"error":     text(http.StatusInternalServerError, `{"keys":[]}`),
		"not found": text(http.StatusNotFound, ""),
		"empty":     text(http.StatusOK, ""),
		"no JSON":   text(http.StatusOK, "<html>"),
		"no set":    text(http.StatusOK, `{"error":"maintenance"}`),
		"a list":    text(http.StatusOK, `[]`),
		"keys null": text(http.StatusOK, `{"keys":null}`),
		"keys text": text(http.StatusOK, `{"keys":"none"}`),
		"huge":      text(http.StatusOK, huge),
		"many":      text(http.StatusOK, `{"keys":[`+strings.Repeat(`{},`, 100)+`{}]}`),
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = w.Write([]byte("{"))
		},
		"hung up":    func(w http.ResponseWriter, _ *http.Request) { hangUp(w) },
		"long lines": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := jwkstest.Ed25519(t, "key")
			issuer := jwkstest.New(t, key)
			set := run(t, issuer.URL+jwkstest.Path, 5*time.Millisecond)
			knows(t, set, key)
			issuer.Reply(reply)
			before := issuer.Calls()
			eventually(t, "the issuer was asked in vain", func() bool { return issuer.Calls() > before })
			_, err := set.Key(t.Context(), "unknown")
			wantKind(t, err, problem.TokenKeyUnknown)
			knows(t, set, key)
			issuer.Reply(nil)
		})
	}
}

// hangUp breaks the connection off without an answer.
func hangUp(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

func TestIssuerThatIsDownAtTheStartDoesNotHangAnybody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	set := run(t, server.URL, time.Hour)
	begun := time.Now()
	for range 10 {
		_, err := set.Key(t.Context(), "key")
		wantKind(t, err, problem.Unavailable)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("ten tokens took %v", took)
	}
}

func TestSlowIssuerIsGivenUp(t *testing.T) {
	t.Parallel()
	issuer := jwkstest.New(t)
	hanging := make(chan struct{})
	issuer.Reply(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hanging:
		}
	})
	set := run(t, issuer.URL+jwkstest.Path, time.Hour)
	eventually(t, "it is asked", func() bool { return issuer.Calls() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := set.Key(ctx, "key")
	wantKind(t, err, problem.Unavailable)
	begun := time.Now()
	_, err = set.Key(t.Context(), "key")
	wantKind(t, err, problem.Unavailable)
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("a token waited for %v", took)
	}
	close(hanging)
}

func TestRedirectsAreFollowedButNotAwayFromTLS(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, issuer.URL+jwkstest.Path, http.StatusFound)
	})
	plain, secure := httptest.NewServer(elsewhere), httptest.NewTLSServer(elsewhere)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	knows(t, run(t, plain.URL, time.Hour), key)

	before := issuer.Calls()
	set := jwks.New(secure.URL, secure.Client().Transport, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	_, err := set.Key(t.Context(), key.ID)
	wantKind(t, err, problem.Unavailable)
	stop()
	<-ended
	if issuer.Calls() != before {
		t.Error("the issuer was asked without TLS")
	}
}

func TestRedirectsHaveAnEnd(t *testing.T) {
	t.Parallel()
	issuer := jwkstest.New(t)
	issuer.Reply(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	set := run(t, issuer.URL+jwkstest.Path, time.Hour)
	_, err := set.Key(t.Context(), "key")
	wantKind(t, err, problem.Unavailable)
	if calls := issuer.Calls(); calls != 4 {
		t.Errorf("%d calls, want one and three redirects", calls)
	}
}
