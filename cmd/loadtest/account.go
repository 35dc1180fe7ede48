package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// account is a user of the service with conversations in which nothing has been
// asked yet: one for each answer, so that no question has a history.
type account struct {
	token string

	mu            sync.Mutex
	conversations []string
}

func register(ctx context.Context, t *target) (*account, error) {
	name := "load" + strings.ToLower(rand.Text()[:16])
	var session struct {
		AccessToken string `json:"accessToken"`
	}
	err := create(ctx, t, "/api/v1/auth/register", "", map[string]string{
		"email": name + "@example.com", "username": name, "password": rand.Text(),
	}, &session)
	return &account{token: session.AccessToken}, err
}

// prepare creates conversations, several at a time.
func (a *account) prepare(ctx context.Context, t *target, n int) error {
	const concurrency = 32
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for range n {
		group.Go(func() error {
			var made struct {
				ID string `json:"id"`
			}
			err := create(ctx, t, "/api/v1/conversations", a.token, struct{}{}, &made)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.conversations = append(a.conversations, made.ID)
			return err
		})
	}
	return group.Wait()
}

func create(ctx context.Context, t *target, path, token string, body, into any) error {
	response, err := t.post(ctx, path, token, body)
	if err != nil {
		return t.failed(err)
	}
	defer func() { _ = response.Body.Close() }()
	return t.failed(json.NewDecoder(response.Body).Decode(into))
}

// take returns a conversation that nobody has taken.
func (a *account) take() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.conversations) == 0 {
		return "", errors.New("more answers are asked for than were prepared")
	}
	last := len(a.conversations) - 1
	taken := a.conversations[last]
	a.conversations = a.conversations[:last]
	return taken, nil
}
