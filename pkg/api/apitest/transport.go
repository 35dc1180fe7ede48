package apitest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
)

// Transport hands requests on to next and fails the test for every exchange
// that is not as the document says: always for the response, and for the
// request too if it was granted (a bad one may be what a test is about). Event
// streams are passed on as they come and checked as far as they are read, so
// close every body before the test ends. It is safe for concurrent use.
func (c *Contract) Transport(tb testing.TB, next http.RoundTripper) http.RoundTripper {
	return &transport{contract: c, tb: tb, next: next}
}

type transport struct {
	contract *Contract
	tb       testing.TB
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := drain(request.Body)
	if err != nil {
		return nil, err
	}
	response, err := t.next.RoundTrip(withBody(request, body))
	if err != nil {
		return nil, err
	}
	exchange := &exchange{
		contract: t.contract,
		tb:       t.tb,
		request:  withBody(request, body),
		response: response,
	}
	exchange.check()
	return response, nil
}

// drain reads a body to its end and closes it.
func drain(body io.ReadCloser) ([]byte, error) {
	if body == nil || body == http.NoBody {
		return nil, nil
	}
	text, err := io.ReadAll(body)
	return text, errors.Join(err, body.Close())
}

// withBody returns a copy of a request. A transport must not change its own.
func withBody(request *http.Request, body []byte) *http.Request {
	made := request.Clone(request.Context())
	switch {
	case request.Body == nil:
	case len(body) == 0:
		made.Body = http.NoBody
	default:
		made.Body = io.NopCloser(bytes.NewReader(body))
	}
	return made
}
