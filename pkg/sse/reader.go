package sse

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// ErrTooLarge is returned for an event that does not fit the reader's limit.
var ErrTooLarge = errors.New("sse: event too large")

// Event is one event of a stream. Its bytes belong to the Reader and hold
// until the next call of Next; they are as they came, not checked to be UTF-8.
type Event struct {
	// ID is the id in force, which may stem from an earlier event.
	ID []byte
	// Name is the event's type, empty if it has none.
	Name []byte
	// Data is all data lines, joined by LF.
	Data []byte
}

const (
	firstBuffer = 2 << 10
	maxEmpty    = 100 // reads in a row that may give nothing
)

// Reader reads the events of one stream. It is not safe for concurrent use.
type Reader struct {
	source io.Reader
	limit  int
	err    error

	// buf holds the data of the current event, from dataFrom to dataTo, and
	// what has been read and not yet understood, from next to end; no line
	// end lies between next and scanned.
	buf                  []byte
	dataFrom, dataTo     int
	next, scanned, end   int
	begun, hasData, skip bool // skip: a LF that comes next belongs to a CR

	name      []byte
	id        []byte // of the last event
	pendingID []byte // in force from the next event on
	retry     time.Duration
	retryTold bool
}

// NewReader returns a Reader of source. An event may take limit bytes: its
// data and the longest line after it. The buffer is small at first and grows
// to the limit when an event needs it.
func NewReader(source io.Reader, limit int) *Reader {
	return &Reader{source: source, limit: limit}
}

// Next returns the next event that has data. At the end of the source it
// returns io.EOF, discarding an event that was not finished by a blank line;
// an event beyond the limit is ErrTooLarge. An error is returned again by
// every later call.
func (r *Reader) Next() (Event, error) {
	r.clear()
	for r.err == nil {
		line, ok := r.line()
		switch {
		case !ok:
			r.err = r.fill()
		case len(line) > 0:
			r.field(line)
		case r.dispatch():
			return Event{ID: r.id, Name: r.name, Data: r.buf[r.dataFrom:r.dataTo]}, nil
		}
	}
	return Event{}, r.err
}

// LastEventID is the id of the last event that was finished, with or without
// data: what a client sends as Last-Event-ID. It holds until the next call of
// Next.
func (r *Reader) LastEventID() []byte { return r.id }

// Retry is the reconnection time that the stream has told, if it has.
func (r *Reader) Retry() (wait time.Duration, told bool) { return r.retry, r.retryTold }

func (r *Reader) clear() {
	r.name = r.name[:0]
	r.hasData = false
	r.dataFrom, r.dataTo = r.next, r.next
}

// dispatch ends the current event and tells whether it is to be delivered.
func (r *Reader) dispatch() bool {
	r.id = append(r.id[:0], r.pendingID...)
	if !r.hasData {
		r.clear()
	}
	return r.hasData
}

// line takes the next whole line, without its end, if the buffer holds one.
func (r *Reader) line() ([]byte, bool) {
	if r.skip && r.next < r.end {
		r.skip = false
		if r.buf[r.next] == '\n' {
			r.next++
			r.scanned = r.next
		}
	}
	at := r.lineEnd()
	if at < 0 {
		return nil, false
	}
	line := r.buf[r.next:at]
	r.skip = r.buf[at] == '\r'
	r.next, r.scanned = at+1, at+1
	if !r.begun {
		r.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line, true
}

// lineEnd finds the first CR or LF. It looks at one window after the other so
// that a stream without LF does not make it search the whole buffer per line.
func (r *Reader) lineEnd() int {
	const window = 512
	for r.scanned < r.end {
		part := r.buf[r.scanned:min(r.scanned+window, r.end)]
		lf := bytes.IndexByte(part, '\n')
		if lf >= 0 {
			part = part[:lf]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return r.scanned + cr
		}
		if lf >= 0 {
			return r.scanned + lf
		}
		r.scanned += len(part)
	}
	return -1
}

// fill reads more, making room first when there is none.
func (r *Reader) fill() error {
	if r.end == len(r.buf) {
		r.compact()
	}
	if r.end == len(r.buf) {
		if len(r.buf) >= r.limit {
			return ErrTooLarge
		}
		r.grow()
	}
	for range maxEmpty {
		n, err := r.source.Read(r.buf[r.end:])
		r.end += n
		switch {
		case n > 0:
			return nil // an error comes again with the next read
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// compact moves the current event's data to the front of the buffer, and what
// is not understood yet right behind it.
func (r *Reader) compact() {
	data := copy(r.buf, r.buf[r.dataFrom:r.dataTo])
	rest := copy(r.buf[data:], r.buf[r.next:r.end])
	r.scanned += data - r.next
	r.dataFrom, r.dataTo = 0, data
	r.next, r.end = data, data+rest
}

func (r *Reader) grow() {
	size := max(firstBuffer, 2*len(r.buf))
	larger := make([]byte, min(size, r.limit))
	copy(larger, r.buf[:r.end])
	r.buf = larger
}
