package llm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/llm"
)

func local(handler http.HandlerFunc) *http.Client {
	return &http.Client{Transport: llm.Local{Handler: handler}}
}

func TestLocalStreams(t *testing.T) {
	t.Parallel()
	step := make(chan struct{})
	client := local(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Asked", r.Method+" "+r.URL.Path+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "not sent")
		<-step
		_, _ = io.WriteString(w, "one")
		<-step
		_, _ = io.WriteString(w, "two")
	})
	response, err := client.Post("http://here/path", "text/plain", strings.NewReader("question"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusAccepted || response.Header.Get("X-Asked") != "POST /path question" {
		t.Errorf("got %s, %v", response.Status, response.Header)
	}
	if late := response.Header.Get("X-Late"); late != "" {
		t.Errorf("a header set after the status was sent: %q", late)
	}
	buf := make([]byte, 16)
	for _, want := range []string{"one", "two"} {
		step <- struct{}{}
		if n, err := response.Body.Read(buf); string(buf[:n]) != want || err != nil {
			t.Errorf("read %q, %v, want %q", buf[:n], err, want)
		}
	}
	if n, err := response.Body.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v, want EOF", n, err)
	}
}

func TestLocalWithoutBody(t *testing.T) {
	t.Parallel()
	client := local(func(http.ResponseWriter, *http.Request) {})
	response, err := client.Get("http://here/")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v", response, err)
	}
	if body, err := io.ReadAll(response.Body); len(body) > 0 || err != nil {
		t.Errorf("read %q, %v", body, err)
	}
	_ = response.Body.Close()
}

func TestLocalCancellation(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprint("answered ", answered), func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			client := local(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				if answered {
					w.WriteHeader(http.StatusOK)
				}
				<-r.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://here/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if answered {
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(response.Body)
				_ = response.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			soon(t, "the handler ends", ended, time.Second)
		})
	}
}

func TestLocalCloseEndsTheHandler(t *testing.T) {
	t.Parallel()
	ended := false
	client := local(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "more")
		}
		ended = true
	})
	response, err := client.Get("http://here/")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if !ended {
		t.Error("the body was closed before the handler had returned")
	}
}

func TestLocalPanics(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string
	}{
		{http.ErrAbortHandler, io.ErrUnexpectedEOF.Error()},
		{"oops", "llm: handler panicked: oops"},
	} {
		client := local(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(tt.value) //nolint:forbidigo // what is tested
		})
		response, err := client.Get("http://here/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if string(body) != "half" || err == nil || err.Error() != tt.want {
			t.Errorf("read %q, %v", body, err)
		}
		_ = response.Body.Close()
	}
}
