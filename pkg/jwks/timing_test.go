package jwks_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/jwks"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
)

// line is an issuer whose calls take no real time.
type line struct {
	calls atomic.Int64
	keys  atomic.Pointer[[]byte]
	takes time.Duration
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(request *http.Request) (*http.Response, error) {
	l.calls.Add(1)
	select {
	case <-time.After(l.takes):
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	document := l.keys.Load()
	if document == nil {
		return nil, errors.New("the line is dead")
	}
	recorder := httptest.NewRecorder()
	_, _ = recorder.Write(*document)
	return recorder.Result(), nil
}

func (l *line) publish(keys ...jwkstest.Key) {
	document := jwkstest.Document(keys...)
	l.keys.Store(&document)
}

// inBubble follows an issuer in a time of its own.
func inBubble(t *testing.T, takes time.Duration, test func(t *testing.T, issuer *line, set *jwks.Set)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer := &line{takes: takes}
		set := jwks.New("https://issuer.example/jwks", issuer, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- set.Run(ctx) }()
		test(t, issuer, set)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestUnknownKeysMakeOneCallAMinute(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, issuer *line, set *jwks.Set) {
		key := jwkstest.Ed25519(t, "key")
		issuer.publish(key)
		knows(t, set, key)
		begun := time.Now()
		for time.Since(begun) < 30*time.Minute {
			_, err := set.Key(t.Context(), "unknown")
			wantKind(t, err, problem.TokenKeyUnknown)
			time.Sleep(time.Second)
		}
		if calls := issuer.calls.Load() - 1; calls < 29 || calls > 30 {
			t.Errorf("%d calls in half an hour of unknown keys", calls)
		}
	})
}

func TestKeysAreFetchedAboutEveryHour(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, issuer *line, set *jwks.Set) {
		old, young := jwkstest.Ed25519(t, "old"), jwkstest.Ed25519(t, "young")
		issuer.publish(old)
		knows(t, set, old)
		issuer.publish(young)
		time.Sleep(53 * time.Minute)
		knows(t, set, old)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		if calls := issuer.calls.Load(); calls != 2 {
			t.Errorf("%d calls in 68 minutes", calls)
		}
		knows(t, set, young)
		_, err := set.Key(t.Context(), old.ID)
		wantKind(t, err, problem.TokenKeyUnknown)
		time.Sleep(100 * time.Hour)
		if calls := issuer.calls.Load(); calls < 90 || calls > 115 {
			t.Errorf("%d calls in 101 hours", calls)
		}
	})
}

func TestOutageIsOverOnceTheIssuerAnswers(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, issuer *line, set *jwks.Set) {
		key := jwkstest.Ed25519(t, "key")
		time.Sleep(10 * time.Minute)
		if calls := issuer.calls.Load(); calls < 10 || calls > 16 {
			t.Errorf("%d calls in ten minutes of an outage", calls)
		}
		issuer.publish(key)
		time.Sleep(70 * time.Second) // nobody need ask
		before := issuer.calls.Load()
		knows(t, set, key)
		if calls := issuer.calls.Load(); calls != before {
			t.Error("the key was not known")
		}

		issuer.keys.Store(nil)
		time.Sleep(1000 * time.Hour)
		knows(t, set, key)
	})
}

func TestNobodyWaitsLongForASlowIssuer(t *testing.T) {
	inBubble(t, 5*time.Second, func(t *testing.T, issuer *line, set *jwks.Set) {
		key := jwkstest.Ed25519(t, "key")
		issuer.publish(key)
		begun := time.Now()
		_, err := set.Key(t.Context(), key.ID)
		wantKind(t, err, problem.Unavailable)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("a token waited for %v", took)
		}
		knows(t, set, key) // two seconds later it is here
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the key came after %v", took)
		}
	})
}

func TestIssuerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, issuer *line, _ *jwks.Set) {
		time.Sleep(14 * time.Second)
		if calls := issuer.calls.Load(); calls != 1 {
			t.Errorf("%d calls in 14 seconds", calls)
		}
		time.Sleep(2 * time.Second) // ten for the call, five and a half at most for the pause
		if calls := issuer.calls.Load(); calls != 2 {
			t.Errorf("%d calls in 16 seconds", calls)
		}
	})
}
