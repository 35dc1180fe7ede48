package api

import (
	"sync"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

// maxWrite bounds what one write takes from a long replay, in bytes.
const maxWrite = 64 << 10

// frames are buffers for writes. A stream holds one only while it writes, so
// that ten thousand silent ones hold none.
//
//nolint:gochecknoglobals // a pool of empty buffers
var frames = sync.Pool{New: func() any { return new([]byte) }}

// batch is events on their way to one write. Free it in the end.
type batch struct {
	writer *streamWriter
	buffer *[]byte
	frame  []byte
}

func (w *streamWriter) batch() batch {
	buffer := frames.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	return batch{writer: w, buffer: buffer, frame: (*buffer)[:0]}
}

func (b *batch) free() {
	*b.buffer = b.frame
	frames.Put(b.buffer)
}

// flush writes what has gathered, if it is at least so many bytes.
func (b *batch) flush(least int) error {
	if len(b.frame) < least {
		return nil
	}
	err := b.writer.write(b.frame)
	b.frame = b.frame[:0]
	return err
}

// frame appends what a reader of an answer is sent of an event with this number.
type frame func(dst []byte, seq int, event chat.Event) []byte

// native frames events as our own stream has them.
func (w *streamWriter) native(feed *chat.Feed) frame {
	return func(dst []byte, seq int, event chat.Event) []byte {
		dst = sse.AppendID(w.retry(dst), feed.Attempt, seq)
		dst = sse.Begin(dst, event.Type.String())
		return sse.End(feed.AppendPayload(dst, seq, event))
	}
}

// events writes what a reader of an answer gets at once and moves its cursor. A
// replay is merged.
func (w *streamWriter) events(feed *chat.Feed, events []chat.Event, replay bool, frame frame) error {
	b := w.batch()
	defer b.free()
	err := each(events, feed.After+1, replay, func(seq int, event chat.Event) error {
		b.frame = frame(b.frame, seq, event)
		return b.flush(maxWrite)
	})
	if err == nil {
		err = b.flush(1)
	}
	feed.After += len(events)
	return err
}

func each(events []chat.Event, first int, merged bool, write func(int, chat.Event) error) error {
	if merged {
		for seq, event := range chat.Merge(events, first) {
			if err := write(seq, event); err != nil {
				return err
			}
		}
		return nil
	}
	for i, event := range events {
		if err := write(first+i, event); err != nil {
			return err
		}
	}
	return nil
}

// changes writes what a reader of a feed gets at once.
func (w *streamWriter) changes(changes []chat.Change) error {
	b := w.batch()
	defer b.free()
	for _, change := range changes {
		frame := sse.AppendNumber(w.retry(b.frame), change.Seq)
		frame = sse.Begin(frame, string(change.Type))
		frame = append(frame, change.Data...)
		b.frame = sse.End(frame)
		if err := b.flush(maxWrite); err != nil {
			return err
		}
	}
	return b.flush(1)
}
