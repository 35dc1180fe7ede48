// Package sse is the text/event-stream format, both ways: append functions
// that build events in a caller's buffer, and a reader of such streams. It
// follows the WHATWG HTML standard, section 9.2, and does not know what events
// mean nor how their bytes travel.
package sse

import (
	"strconv"
	"time"
)

// ContentType is the media type of an event stream.
const ContentType = "text/event-stream"

// Heartbeat keeps a silent connection open. It is a comment and no event: a
// blank line after it would make some clients deliver an empty message.
const Heartbeat = ": hb\n"

// AppendRetry appends the line that tells a client how long to wait before it
// connects again, in whole milliseconds.
func AppendRetry(dst []byte, wait time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, wait.Milliseconds(), 10)
	return append(dst, '\n')
}

// AppendID appends the line that identifies an event as "attempt.seq".
func AppendID(dst []byte, attempt, seq int) []byte {
	dst = append(dst, "id: "...)
	dst = strconv.AppendInt(dst, int64(attempt), 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(seq), 10)
	return append(dst, '\n')
}

// AppendNumber appends the line that identifies an event by one number.
func AppendNumber(dst []byte, seq int64) []byte {
	dst = append(dst, "id: "...)
	dst = strconv.AppendInt(dst, seq, 10)
	return append(dst, '\n')
}

// Begin appends what stands before the data of an event of that name; an
// empty name leaves it unnamed. Retry and id go before it, then the data
// (bytes without a line break, such as JSON), then [End].
func Begin(dst []byte, name string) []byte {
	if name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, name...)
		dst = append(dst, '\n')
	}
	return append(dst, "data: "...)
}

// End appends what stands after the data of an event.
func End(dst []byte) []byte {
	return append(dst, '\n', '\n')
}
