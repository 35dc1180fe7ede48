package api

import (
	"context"
	"log/slog"
)

type requestIDKey struct{}

func withRequestID(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, name)
}

// RequestID is the id of the request that a context comes from, or empty.
func RequestID(ctx context.Context) string {
	name, _ := ctx.Value(requestIDKey{}).(string)
	return name
}

// LogHandler adds the id of the request to every line that is logged for it,
// also by what the request has started and goes on without it.
type LogHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h LogHandler) Handle(ctx context.Context, record slog.Record) error {
	if name := RequestID(ctx); name != "" {
		record.AddAttrs(slog.String("request", name))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return LogHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h LogHandler) WithGroup(name string) slog.Handler {
	return LogHandler{h.Handler.WithGroup(name)}
}
