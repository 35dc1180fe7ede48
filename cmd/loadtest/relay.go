package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/llm"
)

const (
	relayBuffer = 4 << 10
	maxQuestion = 1 << 20
)

// relayCmd is one of the bare relays that the service is measured beside.
type relayCmd struct {
	Kind     string `enum:"http,echo" required:""`
	Listen   string `required:""`
	Upstream string `required:""`

	client http.Client
}

func (r *relayCmd) serve(ctx context.Context) error {
	r.client.Transport = llm.NewTransport() // as the service has
	handler := http.Handler(http.HandlerFunc(r.copyBytes))
	if r.Kind == "echo" {
		router := echo.New()
		router.POST(barePath, r.copyLines)
		handler = router
	}
	server := &http.Server{Addr: r.Listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// copyBytes is the relay that knows nothing of what it carries.
func (r *relayCmd) copyBytes(w http.ResponseWriter, request *http.Request) {
	response, err := r.forward(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	answer(w, response)
	out := http.NewResponseController(w)
	buffer := make([]byte, relayBuffer)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			_, writeErr := w.Write(buffer[:n])
			err = errors.Join(err, writeErr, out.Flush())
		}
		if err != nil {
			return
		}
	}
}

// copyLines is the relay that could look at each line. The lines of one read
// go out as one write and one flush.
func (r *relayCmd) copyLines(c echo.Context) error {
	response, err := r.forward(c.Request())
	if err != nil {
		return echo.NewHTTPError(http.StatusBadGateway, err.Error())
	}
	defer func() { _ = response.Body.Close() }()
	answer(c.Response(), response)
	in := bufio.NewReaderSize(response.Body, relayBuffer)
	var batch []byte
	for {
		line, err := in.ReadSlice('\n')
		batch = append(batch, line...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil || in.Buffered() == 0 {
			if _, writeErr := c.Response().Write(batch); writeErr != nil {
				return nil // the reader has gone
			}
			c.Response().Flush()
			batch = batch[:0]
		}
		if err != nil {
			return nil // the provider is done, or has gone
		}
	}
}

// forward reads the question whole: its body must not be in use any more when
// the answer begins, which closes it.
func (r *relayCmd) forward(request *http.Request) (*http.Response, error) {
	question, err := io.ReadAll(io.LimitReader(request.Body, maxQuestion))
	if err != nil {
		return nil, err
	}
	onward, err := http.NewRequestWithContext(request.Context(), http.MethodPost, r.Upstream, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	onward.Header.Set("Content-Type", "application/json")
	return r.client.Do(onward)
}

func answer(w http.ResponseWriter, response *http.Response) {
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.WriteHeader(response.StatusCode)
}
