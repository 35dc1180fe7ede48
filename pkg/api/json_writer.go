package api

import (
	"encoding/json"
)

// jsonWriter writes a JSON document piece by piece. What has gathered goes out with
// flush, which tells what went wrong.
type jsonWriter struct {
	out    *streamWriter
	buffer []byte
	// first is set before the first item of a list.
	first bool
	err   error
}

// object begins an object with the members of a value; lists may follow.
func (w *jsonWriter) object(value any) {
	w.value(value)
	if w.err == nil {
		w.buffer = w.buffer[:len(w.buffer)-1]
	}
}

func (w *jsonWriter) endObject() { w.buffer = append(w.buffer, '}') }

// list begins a list in the object that is open, which has members before it.
func (w *jsonWriter) list(name string) {
	w.buffer = append(append(append(w.buffer, ',', '"'), name...), '"', ':', '[')
	w.first = true
}

func (w *jsonWriter) endList() {
	w.buffer = append(w.buffer, ']')
	w.first = false
}

// next begins an item of the list that is open.
func (w *jsonWriter) next() {
	if !w.first {
		w.buffer = append(w.buffer, ',')
	}
	w.first = false
}

func (w *jsonWriter) item(value any) {
	w.next()
	w.value(value)
	if len(w.buffer) >= maxWrite {
		_ = w.flush() // it is kept
	}
}

func (w *jsonWriter) value(value any) {
	text, err := json.Marshal(value)
	if w.err == nil {
		w.err = err
	}
	w.buffer = append(w.buffer, text...)
}

// flush writes what has gathered, unless something went wrong before.
func (w *jsonWriter) flush() error {
	if w.err == nil && len(w.buffer) > 0 {
		w.err = w.out.write(w.buffer)
	}
	w.buffer = w.buffer[:0]
	return w.err
}
