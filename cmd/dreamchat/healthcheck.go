package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// healthTimeout is well within what container engines allow a check.
const healthTimeout = 2 * time.Second

type healthcheckCmd struct{}

// Run asks /healthz of the server on this machine.
func (healthcheckCmd) Run(ctx context.Context) error {
	set, err := load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, set.url()+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", response.Status)
	}
	return nil
}
