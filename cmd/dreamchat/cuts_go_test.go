package main_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/sse"
)

// patience is how long readers may take that are cut off all the time.
const patience = 3 * limit

// followInGo comes again with the id of the last event.
func followInGo(t *testing.T, _ *scene, user *client, tellings []*telling) func(*testing.T) []reading {
	t.Helper()
	ask(user, tellings)
	return inGo(t, user, tellings, func(told *telling) (*http.Request, error) {
		return http.NewRequest(http.MethodGet, told.streamURL, http.NoBody)
	})
}

// sendAgainInGo sends its question again, with the same key.
func sendAgainInGo(t *testing.T, _ *scene, user *client, tellings []*telling) func(*testing.T) []reading {
	t.Helper()
	return inGo(t, user, tellings, func(told *telling) (*http.Request, error) {
		request, err := http.NewRequest(http.MethodPost, told.reader.URL+told.path(), strings.NewReader(`{"content":"`+question+`"}`))
		if err == nil {
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Idempotency-Key", told.conversation.ID)
		}
		return request, err
	})
}

// inGo makes the request of each story again and again, all stories at once.
func inGo(t *testing.T, user *client, tellings []*telling, request func(*telling) (*http.Request, error)) func(*testing.T) []reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	readings := make([]reading, len(tellings))
	var all sync.WaitGroup
	for i, told := range tellings {
		all.Go(func() {
			var heard transcript
			for !heard.again(ctx, user, func() (*http.Request, error) { return request(told) }) && len(heard.Faults) == 0 {
				if ctx.Err() != nil {
					heard.fault("it takes too long, after %q", heard.LastID)
				}
			}
			readings[i] = heard.reading(told.conversation.ID)
		})
	}
	t.Cleanup(all.Wait)
	return func(*testing.T) []reading {
		defer cancel()
		all.Wait()
		return readings
	}
}

// again makes one request, goes on where the last one broke off, and tells
// whether the server has nothing more to say.
func (t *transcript) again(ctx context.Context, user *client, prepare func() (*http.Request, error)) (over bool) {
	request, err := prepare()
	if err != nil {
		t.fault("%v", err)
		return false
	}
	request.Header.Set("Authorization", "Bearer "+user.session.AccessToken)
	if t.LastID != "" {
		request.Header.Set("Last-Event-ID", t.LastID)
	}
	response, err := user.http.Do(request.WithContext(ctx))
	if err != nil {
		return false // cut off
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		events := sse.NewReader(response.Body, 1<<20)
		for event, err := events.Next(); err == nil; event, err = events.Next() {
			t.apply(event)
		}
		return false
	case http.StatusNoContent:
		if t.Complete == nil {
			t.fault("204 after %q, before the end", t.LastID)
		}
		return true
	default:
		text, err := io.ReadAll(response.Body)
		t.fault("status %d after %q: %s, %v", response.StatusCode, t.LastID, text, err)
		return false
	}
}
