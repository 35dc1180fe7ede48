package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
)

// maxEntries bounds what one read takes from a stream.
const maxEntries = 1000

// Tail returns what Redis holds of an answer's stream after an event. It is not
// whole if something is missing before or behind it: that is in the answer's row.
func (r *Relay) Tail(ctx context.Context, messageID string, after int) (chat.Tail, error) {
	tail := chat.Tail{Whole: true}
	for tail.Whole {
		entries, err := r.look(ctx, messageID, after+len(tail.Events))
		if err != nil {
			return tail, fmt.Errorf("relay: read a stream: %w", err)
		}
		if err := extend(&tail, after, entries); err != nil {
			return tail, err
		}
		if len(entries) < maxEntries {
			break
		}
	}
	return tail, nil
}

// Seize takes the stream away from whoever may add to it.
func (r *Relay) Seize(ctx context.Context, messageID string, after int) (chat.Tail, error) {
	found, err := seize.Run(ctx, r.client, keys(messageID), newFence(), ttl.Milliseconds(), behind(after)).Slice()
	if errors.Is(err, redis.Nil) {
		return chat.Tail{}, nil // nothing is known of it
	}
	if err != nil {
		return chat.Tail{}, fmt.Errorf("relay: seize a stream: %w", err)
	}
	const parts = 2
	if len(found) != parts {
		return chat.Tail{}, errEntry
	}
	number, _ := found[0].(string)
	last, err := strconv.Atoi(number)
	if err != nil {
		return chat.Tail{}, errEntry
	}
	entries, _ := found[1].([]any)
	tail := chat.Tail{Whole: true}
	if err := extend(&tail, after, messages(entries)); err != nil {
		return chat.Tail{}, err
	}
	// Redis may have dropped the events and kept the head.
	tail.Whole = tail.Whole && after+len(tail.Events) >= last
	return tail, nil
}

// newFence begins a head that nobody expects: not even a process that met an earlier
// one and has proved since that the answer is its own.
func newFence() string { return "seized." + rand.Text() + "." }

// Closed tells those who follow the stream that the answer's row is final.
func (r *Relay) Closed(_ context.Context, messageID string) {
	r.call(closed(messageID, newFence()))
}

// behind is where the entries begin that hold anything after an event.
func behind(after int) string { return "(" + strconv.Itoa(after) }

// extend adds the entries to the tail of the stream after an event, up to a hole.
func extend(tail *chat.Tail, after int, entries []redis.XMessage) error {
	for _, entry := range entries {
		payload, ok := entry.Values["e"].(string)
		if !ok {
			tail.Whole = false // the end
			return nil
		}
		events, err := decode(payload)
		if err != nil {
			return err
		}
		number, _, _ := strings.Cut(entry.ID, "-")
		last, err := strconv.Atoi(number)
		if err != nil {
			return errEntry
		}
		// The entry may begin before the event that is known.
		have := after + len(tail.Events)
		skip := have - (last - len(events))
		if skip < 0 {
			tail.Whole = false
			return nil
		}
		tail.Events = append(tail.Events, events[min(skip, len(events)):]...)
	}
	return nil
}

// messages reads the entries from the reply of a script.
func messages(reply []any) []redis.XMessage {
	entries := make([]redis.XMessage, 0, len(reply))
	for _, element := range reply {
		pair, ok := element.([]any)
		if !ok || len(pair) != 2 {
			continue
		}
		id, _ := pair[0].(string)
		fields, _ := pair[1].([]any)
		entry := redis.XMessage{ID: id, Values: map[string]any{}}
		for i := 0; i+1 < len(fields); i += 2 {
			name, _ := fields[i].(string)
			entry.Values[name] = fields[i+1]
		}
		entries = append(entries, entry)
	}
	return entries
}
