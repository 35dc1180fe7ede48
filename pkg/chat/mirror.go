package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

const (
	// lookEvery is how often a mirror that cannot hear asks the database.
	lookEvery = time.Second
	// quiet is how long a mirror trusts that it hears nothing because there is
	// nothing.
	quiet = 3 * time.Second
)

var (
	errMoved = problem.Unavailable.New("The stream of this answer has begun again.")
	errLeft  = problem.Unavailable.New("The server is shutting down.")
)

// mirror follows, for all its readers here, the stream of an answer that another
// instance makes. What was saved it reads from the answer's row, what came since
// from Streams, and from the row again when that leaves a hole.
type mirror struct {
	streams Streams
	look    func(ctx context.Context) (Message, error)
	id      string
	attempt int
	log     *stream.Log[Event]
	cancel  context.CancelCauseFunc
	nudged  chan struct{} // has a value when it must look
	readers int           // guarded by mirrors.mu
}

// run follows until the stream ends or ctx is done.
func (m *mirror) run(ctx context.Context) {
	bell := m.streams.Listen(StreamTopic(m.id))
	defer bell.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		rung := false
		select {
		case <-bell.C:
			rung = true
		case <-m.nudged:
		case <-timer.C:
		case <-ctx.Done():
			m.log.Break(context.Cause(ctx))
			return
		}
		heard := m.advance(ctx, rung)
		if m.log.Ended() {
			return
		}
		if heard {
			timer.Reset(quiet)
		} else {
			timer.Reset(lookEvery)
		}
	}
}

// advance takes in what there is. Unless Streams is sure to have it all, that is
// what the row holds, and what came after it. It tells whether Streams can be
// relied on to ring when there is more.
func (m *mirror) advance(ctx context.Context, rung bool) (heard bool) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if whole, err := m.listen(ctx); err == nil && whole && rung {
		return true
	}
	if err := m.reread(ctx); err != nil {
		return false
	}
	whole, err := m.listen(ctx)
	return err == nil && whole
}

func (m *mirror) listen(ctx context.Context) (whole bool, err error) {
	tail, err := m.streams.Tail(ctx, m.id, m.log.Len())
	if err == nil {
		err = m.log.Append(tail.Events...)
	}
	return tail.Whole, err
}

// reread takes in what the row holds beyond the log.
func (m *mirror) reread(ctx context.Context) error {
	answer, err := m.look(ctx)
	switch {
	case errors.Is(err, problem.NotFound):
		m.log.Break(err)
		return err
	case err != nil:
		return err
	}
	events, n := answer.Events(), m.log.Len()
	if answer.Status == StatusStreaming && answer.Attempt == m.attempt {
		return m.log.Append(events[min(n, len(events)):]...)
	}
	if n >= len(events) || answer.Attempt != m.attempt {
		m.log.Break(errMoved)
		return errMoved
	}
	return m.log.Seal(events[n:]...)
}

// mirrors are the mirrors of an instance, one for each answer that has readers.
type mirrors struct {
	mu   sync.Mutex
	byID map[string]*mirror
	// closed is set once no further one may begin.
	closed bool
	done   sync.WaitGroup
}

// join finds or begins the mirror of an answer, whose row is known.
func (all *mirrors) join(
	ctx context.Context, streams Streams, answer *Message, look func(context.Context) (Message, error),
) (*mirror, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return nil, errLeft
	}
	m := all.byID[answer.ID]
	if m == nil || m.log.Ended() {
		m = &mirror{
			streams: streams, look: look, id: answer.ID, attempt: answer.Attempt,
			log: new(stream.Log[Event]), nudged: make(chan struct{}, 1),
		}
		_ = m.log.Append(answer.Events()...) // nobody else has it yet
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		m.cancel = cancel
		if all.byID == nil {
			all.byID = make(map[string]*mirror)
		}
		all.byID[answer.ID] = m
		all.done.Go(func() { m.run(ctx) })
	}
	m.readers++
	return m, nil
}

// nudge makes the mirror of an answer, if there is one, look at once.
func (all *mirrors) nudge(messageID string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if m := all.byID[messageID]; m != nil {
		select {
		case m.nudged <- struct{}{}:
		default:
		}
	}
}

// leave ends the mirror when its last reader goes.
func (all *mirrors) leave(m *mirror) {
	all.mu.Lock()
	defer all.mu.Unlock()
	m.readers--
	if m.readers > 0 {
		return
	}
	m.cancel(errLeft)
	if all.byID[m.id] == m {
		delete(all.byID, m.id)
	}
}

// close ends all mirrors and waits until they have ended.
func (all *mirrors) close() {
	all.mu.Lock()
	all.closed = true
	for _, m := range all.byID {
		m.cancel(errLeft)
	}
	all.mu.Unlock()
	all.done.Wait()
}
