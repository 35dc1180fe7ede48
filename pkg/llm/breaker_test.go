package llm_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// breaking is a client of the router whose breaker opens after three failures for
// a minute of the fake clock. Everything happens in this process.
func breaking(t *testing.T, test func(t *testing.T, router *llmtest.Router, client *llm.Client)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		router := new(llmtest.Router)
		test(t, router, &llm.Client{
			BaseURL: "http://router.invalid/v1", HTTP: &http.Client{Transport: llm.Local{Handler: router}}, Silence: time.Second,
			Breaker: &llm.Breaker{Failures: 3, Pause: time.Minute},
		})
	})
}

func fail(router *llmtest.Router, status, times int) {
	for range times {
		router.Script(llmtest.ErrorStatus(status, "Oh no.", ""))
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	breaking(t, func(t *testing.T, router *llmtest.Router, client *llm.Client) {
		var told []bool
		client.Breaker.OnChange = func(open bool) { told = append(told, open) }
		fail(router, http.StatusInternalServerError, 2)
		router.Script(llmtest.Silence())
		for range 3 {
			_ = listen(client.Complete(t.Context(), ask("m", "Hi")))
		}
		time.Sleep(20 * time.Second) // the fake clock's
		refused := problemOf(t, listen(client.Complete(t.Context(), ask("m", "Hi"))).err)
		if refused.Kind != problem.UpstreamBusy || refused.RetryAfter != 40*time.Second || len(router.Exchanges()) != 3 {
			t.Errorf("after %d requests: %v, wait %v", len(router.Exchanges()), refused, refused.RetryAfter)
		}
		// The one that is let through fails too: again a minute.
		time.Sleep(40 * time.Second)
		fail(router, http.StatusBadGateway, 1)
		_ = listen(client.Complete(t.Context(), ask("m", "Hi")))
		if refused := problemOf(t, listen(client.Complete(t.Context(), ask("m", "Hi"))).err); refused.RetryAfter != time.Minute {
			t.Errorf("wait %v", refused.RetryAfter)
		}
		time.Sleep(time.Minute)
		for range 2 {
			if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil {
				t.Error(got.err)
			}
		}
		if len(told) != 2 || !told[0] || told[1] {
			t.Errorf("told %v", told)
		}
	})
}

func TestBreakerLetsOneThroughAtATime(t *testing.T) {
	breaking(t, func(t *testing.T, router *llmtest.Router, client *llm.Client) {
		fail(router, http.StatusServiceUnavailable, 3)
		for range 3 {
			_ = listen(client.Complete(t.Context(), ask("m", "Hi")))
		}
		time.Sleep(time.Minute) // the fake clock's
		ctx, leave := context.WithCancel(t.Context())
		router.Script(llmtest.Hang())
		probe := make(chan heard)
		go func() { probe <- listen(client.Complete(ctx, ask("m", "Hi"))) }()
		synctest.Wait()
		if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); !errors.Is(got.err, problem.UpstreamBusy) {
			t.Errorf("beside the first: %+v", got)
		}
		leave() // which tells nothing of the provider
		<-probe
		time.Sleep(time.Minute)
		if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestWhatDoesNotOpenABreaker(t *testing.T) {
	t.Parallel()
	for name, script := range map[string][]llmtest.Step{
		"refusals":               {llmtest.ErrorStatus(http.StatusBadRequest, "No.", "")},
		"limits":                 {llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "")},
		"limits in a stream":     {llmtest.ErrorChunk("429", "Slow down")},
		"breaks in an answer":    {llmtest.Text("Half"), llmtest.ErrorChunk("502", "Oh no.")},
		"a failure now and then": nil,
	} {
		t.Run(name, func(t *testing.T) {
			breaking(t, func(t *testing.T, router *llmtest.Router, client *llm.Client) {
				for i := range 10 {
					switch {
					case script != nil:
						router.Script(script...)
					case i%3 < 2:
						fail(router, http.StatusInternalServerError, 1)
					default:
						router.Script(llmtest.Answer("Hello"))
					}
					_ = listen(client.Complete(t.Context(), ask("m", "Hi")))
				}
				if n := len(router.Exchanges()); n != 10 {
					t.Errorf("%d of 10 were let through", n)
				}
			})
		})
	}
}

func TestCallersWhoLeaveDoNotOpenABreaker(t *testing.T) {
	breaking(t, func(t *testing.T, router *llmtest.Router, client *llm.Client) {
		client.Breaker.Failures = 1
		router.Script(llmtest.Silence())
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan heard)
		go func() { left <- listen(client.Complete(ctx, ask("m", "Hi"))) }()
		synctest.Wait()
		leave()
		if got := <-left; !errors.Is(got.err, context.Canceled) {
			t.Error(got.err)
		}
		if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil {
			t.Error(got.err)
		}
	})
}

// A provider that is left alone is not asked what something cost either, and who
// asks is not the one that is let through after that.
func TestNothingIsSettledWhileTheBreakerIsOpen(t *testing.T) {
	breaking(t, func(t *testing.T, router *llmtest.Router, client *llm.Client) {
		asked := 0
		router.Settle(func(string) []llmtest.Step {
			asked++
			return []llmtest.Step{llmtest.Settlement(1, 2, 0, "0.5")}
		})
		fail(router, http.StatusInternalServerError, 3)
		for range 3 {
			_ = listen(client.Complete(t.Context(), ask("m", "Hi")))
		}
		if _, err := client.Settled(t.Context(), "gen-1"); !errors.Is(err, problem.UpstreamBusy) || asked != 0 {
			t.Errorf("asked %d times: %v", asked, err)
		}
		time.Sleep(time.Minute) // the fake clock's
		for range 2 {
			if usage, err := client.Settled(t.Context(), "gen-1"); err != nil || *usage.Cost != "0.5" {
				t.Errorf("after the pause: %+v, %v", usage, err)
			}
		}
		if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil {
			t.Error(got.err)
		}
	})
}
