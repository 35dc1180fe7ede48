package api_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
)

// wire is a connection on which a test writes what no client of a library would.
type wire struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func newWire(t *testing.T, s *apitest.Service) *wire {
	t.Helper()
	connection := dial(t, s)
	return &wire{Conn: connection, t: t, reader: bufio.NewReader(connection)}
}

// say writes the lines of a head, and the body as it is.
func (w *wire) say(body string, head ...string) {
	w.t.Helper()
	if _, err := io.WriteString(w, strings.Join(head, "\r\n")+"\r\n\r\n"+body); err != nil {
		w.t.Fatal(err)
	}
}

// hear reads a response with its body.
func (w *wire) hear() (*http.Response, string) {
	w.t.Helper()
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		w.t.Fatalf("no response: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatalf("the body ends with: %v", err)
	}
	return response, string(body)
}

// ended fails the test if the server has more to say or does not close.
func (w *wire) ended() {
	w.t.Helper()
	if rest, err := io.ReadAll(w.reader); len(rest) > 0 || isTimeout(err) {
		w.t.Errorf("the connection goes on with %q, %v", rest, err)
	}
}

func isTimeout(err error) bool {
	waited, ok := errors.AsType[net.Error](err)
	return ok && waited.Timeout()
}
