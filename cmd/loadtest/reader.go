package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// wire is how a system tells the chunks of an answer.
type wire struct {
	text    string // what stands before the text of a chunk, in a line of data
	end     string // the line that comes after the last chunk
	failure string // how the line begins that comes instead
}

// providerWire is what the bare relays pass on, serviceWire what the service
// makes of it.
func providerWire() wire {
	return wire{text: `"content":"`, end: "data: [DONE]", failure: `data: {"error":`}
}

func serviceWire() wire {
	return wire{text: `"chunk":"`, end: "event: stream_complete", failure: "event: stream_error"}
}

// tally is what came of an answer.
type tally struct {
	chunks, bytes int
	ended         bool
}

const (
	lineBuffer = 8 << 10
	maxLine    = 64 << 10
)

// read counts chunks until the answer ends, or until see returns false. It is
// shown every text; a text may be that of several chunks.
func (w wire) read(body io.Reader, see func(text []byte) bool) (tally, error) {
	var found tally
	text, end, failure := []byte(w.text), []byte(w.end), []byte(w.failure)
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, lineBuffer), maxLine)
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case bytes.Equal(line, end):
			found.ended = true
		case bytes.HasPrefix(line, failure):
			return found, fmt.Errorf("the answer failed: %s", reason(line, lines))
		case found.ended || !bytes.HasPrefix(line, []byte("data: ")):
		default:
			chunk := found.take(line, text)
			if len(chunk) > 0 && !see(chunk) {
				return found, nil
			}
		}
	}
	return found, lines.Err()
}

// take counts the chunks in a line. The scripted provider puts one space into
// each chunk's text and nothing that JSON would escape.
func (t *tally) take(line, before []byte) []byte {
	_, chunk, _ := bytes.Cut(line, before)
	chunk, _, _ = bytes.Cut(chunk, []byte{'"'})
	t.chunks += bytes.Count(chunk, []byte{' '})
	t.bytes += len(chunk)
	return chunk
}

func reason(line []byte, rest *bufio.Scanner) string {
	if bytes.HasPrefix(line, []byte("event:")) && rest.Scan() {
		line = rest.Bytes()
	}
	return string(line)
}

var errUnended = errors.New("the stream ended before the answer")

// check tells whether the answer came whole.
func (t tally) check(asked ask) error {
	switch {
	case !t.ended:
		return errUnended
	case t.chunks != asked.chunks || t.bytes != asked.chunks*asked.bytes:
		return fmt.Errorf("lost: %d chunks of %d bytes came, want %d of %d", t.chunks, t.bytes, asked.chunks, asked.chunks*asked.bytes)
	default:
		return nil
	}
}
