package sse

import (
	"bytes"
	"time"
)

// field takes in one line that is not blank.
func (r *Reader) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		r.data(value)
	case "event":
		r.name = append(r.name[:0], value...)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.pendingID = append(r.pendingID[:0], value...)
		}
	case "retry":
		r.reconnect(value)
	}
}

// data adds a data line, which lies in the buffer. A further line moves down
// to the ones before it; the name of its field left room for the LF.
func (r *Reader) data(value []byte) {
	if !r.hasData {
		r.hasData = true
		r.dataTo = r.next - 1 // where the line's end stands
		r.dataFrom = r.dataTo - len(value)
		return
	}
	r.buf[r.dataTo] = '\n'
	r.dataTo++
	r.dataTo += copy(r.buf[r.dataTo:], value)
}

// reconnect takes in a retry value: decimal digits, milliseconds. A wait of
// more than ten digits (four months) is not believed.
func (r *Reader) reconnect(value []byte) {
	if len(value) == 0 || len(value) > 10 {
		return
	}
	var ms int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return
		}
		ms = 10*ms + int64(c-'0')
	}
	r.retry, r.retryTold = time.Duration(ms)*time.Millisecond, true
}
