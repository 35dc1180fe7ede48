package llm

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fault is the error object of a provider, in any of the shapes that are about.
type fault struct {
	Message    string          `json:"message"`
	Code       json.RawMessage `json:"code"` // a number, a string or null
	Type       string          `json:"type"`
	ErrorType  string          `json:"error_type"`
	HTTPStatus int             `json:"http_status"`
	Metadata   struct {
		Reasons []json.RawMessage `json:"reasons"`
	} `json:"metadata"`
	Availability struct {
		RetryAfter json.RawMessage `json:"retry_after"` // seconds
	} `json:"availability"`
}

// readFault reads an error object, or an error that is a mere string, and
// tells whether there is one.
func readFault(raw []byte) (fault, bool) {
	if len(raw) == 0 {
		return fault{}, false
	}
	var f fault
	switch raw[0] {
	case '{':
		// A member of an unexpected type is left out; the others are read.
		_ = json.Unmarshal(raw, &f)
		return f, true
	case '"':
		_ = json.Unmarshal(raw, &f.Message)
		return f, f.Message != ""
	default:
		return fault{}, false
	}
}

// status is the HTTP status that the error tells, 0 for none.
func (f fault) status() int {
	if f.HTTPStatus != 0 {
		return f.HTTPStatus
	}
	status, _ := strconv.Atoi(f.code())
	return status
}

func (f fault) code() string {
	if string(f.Code) == "null" {
		return ""
	}
	return strings.Trim(string(f.Code), `"`)
}

func (f fault) kind() string {
	if f.ErrorType != "" {
		return f.ErrorType
	}
	return f.Type
}

// flagged tells whether the provider's moderation found fault with the texts.
func (f fault) flagged() bool { return len(f.Metadata.Reasons) > 0 }

func (f fault) retryAfter() time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(f.Availability.RetryAfter), `"`), 64)
	if err != nil {
		return 0
	}
	return wait(seconds)
}

// retryAfter reads the header (RFC 9110, section 10.2.3), 0 for none.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		return wait(seconds)
	}
	if at, err := http.ParseTime(value); err == nil {
		return wait(time.Until(at).Seconds())
	}
	return 0
}

// wait is a duration of so many seconds, rounded up to a whole one.
func wait(seconds float64) time.Duration {
	if math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(min(seconds, maxWait.Seconds()))) * time.Second
}
