// Package problem says what went wrong: a kind, a sentence for the caller and
// a cause for the log. It renders as application/problem+json (RFC 9457) and
// knows nothing of who raises it or how it travels.
package problem

import (
	"errors"
	"maps"
	"time"
)

// Error is what every failed call of the domain returns. Only Detail, Details,
// Fields and RetryAfter reach the caller; Cause is for the log.
type Error struct {
	Kind       Kind
	Detail     string
	Details    map[string]any
	Fields     []Field
	RetryAfter time.Duration
	Cause      error
}

// Field is one rule that a request breaks.
type Field struct {
	// Pointer is a JSON Pointer (RFC 6901) into the body, such as "/content",
	// or the name of a header or of a query parameter.
	Pointer string `json:"pointer"`
	// Detail is a sentence for the caller.
	Detail string `json:"detail"`
}

// Error gives the sentence for the log, with the cause.
func (e *Error) Error() string {
	text := e.Kind.Code() + ": " + e.Detail
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Is makes errors.Is(err, kind) hold for the kind of the error.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap gives the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Cause }

// With returns a copy that tells the caller one detail more.
func (e *Error) With(key string, value any) *Error {
	told := *e
	told.Details = make(map[string]any, len(e.Details)+1)
	maps.Copy(told.Details, e.Details)
	told.Details[key] = value
	return &told
}

// After returns a copy that asks the caller to wait before trying again.
func (e *Error) After(wait time.Duration) *Error {
	told := *e
	told.RetryAfter = wait
	return &told
}

// From finds the problem in a chain of errors. What is not a problem is
// Internal and tells the caller nothing of its cause.
func From(err error) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		return found
	}
	return Internal.Because(err, "Something went wrong on our side.")
}

// Document is the JSON form of a problem, with the members of RFC 9457,
// section 3.1, and our extensions.
type Document struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance,omitempty"`
	Code     string         `json:"code"`
	Details  map[string]any `json:"details,omitempty"`
	Errors   []Field        `json:"errors,omitempty"`
	// RetryAfter is in seconds, rounded up.
	RetryAfter int `json:"retryAfter,omitempty"`
}

// Document renders the problem; instance is the id of the request.
func (e *Error) Document(instance string) Document {
	return Document{
		Type:       "urn:dreamchat:problem:" + e.Kind.Code(),
		Title:      e.Kind.Title(),
		Status:     e.Kind.Status(),
		Detail:     e.Detail,
		Instance:   instance,
		Code:       e.Kind.Code(),
		Details:    e.Details,
		Errors:     e.Fields,
		RetryAfter: e.RetryAfterSeconds(),
	}
}

// RetryAfterSeconds is the wait in whole seconds, rounded up; 0 means none.
func (e *Error) RetryAfterSeconds() int {
	return int((e.RetryAfter + time.Second - 1) / time.Second)
}
