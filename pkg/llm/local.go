package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Local is an [http.RoundTripper] that calls a handler of this process instead
// of a server: headers and body stream as they are written, and the handler's
// context ends with the request's or when the body is closed. Closing the body
// waits for the handler to return.
type Local struct {
	Handler http.Handler
}

// RoundTrip implements [http.RoundTripper].
func (l Local) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	body, sink := io.Pipe()
	exchange := &exchange{
		header:   make(http.Header),
		sink:     sink,
		answered: make(chan struct{}),
		done:     make(chan struct{}),
	}
	go exchange.run(l.Handler, serverSide(ctx, request))
	// A cancelled request fails the reads of its body at once.
	stop := context.AfterFunc(ctx, func() { _ = sink.CloseWithError(context.Cause(ctx)) })
	closing := func() error {
		stop()
		cancel()
		err := body.Close()
		<-exchange.done
		return err
	}
	select {
	case <-exchange.answered:
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), closing())
	}
	return exchange.response(request, localBody{body, closing}), nil
}

func serverSide(ctx context.Context, request *http.Request) *http.Request {
	served := request.Clone(ctx)
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RequestURI = request.URL.RequestURI()
	return served
}

type localBody struct {
	io.Reader
	closing func() error
}

func (b localBody) Close() error { return b.closing() }

// exchange is the [http.ResponseWriter] of one request.
type exchange struct {
	header   http.Header
	sink     *io.PipeWriter
	once     sync.Once
	status   int
	sent     http.Header   // the header as it was when it was written
	answered chan struct{} // closed when status and sent are set
	done     chan struct{} // closed when the handler has returned
}

func (x *exchange) run(handler http.Handler, request *http.Request) {
	defer close(x.done)
	defer func() { x.end(request, recover()) }()
	handler.ServeHTTP(x, request)
}

// end ends the response of a handler that has returned or panicked.
func (x *exchange) end(request *http.Request, fault any) {
	_ = request.Body.Close()
	x.WriteHeader(http.StatusOK)
	switch fault {
	case nil:
		// A handler that gave up must not look like one that was done.
		_ = x.sink.CloseWithError(context.Cause(request.Context()))
	case http.ErrAbortHandler:
		_ = x.sink.CloseWithError(io.ErrUnexpectedEOF)
	default:
		_ = x.sink.CloseWithError(fmt.Errorf("llm: handler panicked: %v", fault))
	}
}

func (x *exchange) response(request *http.Request, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status:        fmt.Sprint(x.status, " ", http.StatusText(x.status)),
		StatusCode:    x.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        x.sent,
		Body:          body,
		ContentLength: -1,
		Request:       request,
	}
}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) {
	x.once.Do(func() {
		x.status, x.sent = status, x.header.Clone()
		close(x.answered)
	})
}

// Write implements [http.ResponseWriter]. It waits until the bytes are read.
func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	return x.sink.Write(p)
}

// Flush implements [http.Flusher].
func (x *exchange) Flush() { x.WriteHeader(http.StatusOK) }
