package chat

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"dreamchat/pkg/problem"
)

// Failure is why an answer ended early, in the words of stream_error.
type Failure struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details,omitempty"`
	Retryable bool           `json:"retryable"`
	// RetryAfter is how long to wait before trying again, in whole seconds as
	// counted from the end of the answer; 0 if nobody has told.
	RetryAfter int `json:"retryAfter,omitempty"`
}

// Problem is the failure as the problem that it was.
func (f *Failure) Problem() *problem.Error {
	return &problem.Error{
		Kind: problem.Named(f.Code), Detail: f.Message, Details: f.Details,
		RetryAfter: time.Duration(f.RetryAfter) * time.Second,
	}
}

// Value stores the failure as JSON.
func (f Failure) Value() (driver.Value, error) { return toJSON(f) }

// Scan reads what Value stored.
func (f *Failure) Scan(stored any) error { return fromJSON(stored, f) }

// Metadata is what else is known of a message: JSON values by name.
type Metadata map[string]any

// Value stores the metadata as JSON, NULL for none.
func (m Metadata) Value() (driver.Value, error) {
	if len(m) == 0 {
		return nil, nil //nolint:nilnil // NULL is nil in database/sql
	}
	return toJSON(m)
}

// Scan reads what Value stored.
func (m *Metadata) Scan(stored any) error { return fromJSON(stored, m) }

func toJSON(v any) (driver.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return string(text), nil
}

func fromJSON(stored, into any) error {
	switch text := stored.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(text), into)
	case []byte:
		return json.Unmarshal(text, into)
	default:
		return fmt.Errorf("chat: stored JSON is a %T", stored)
	}
}
