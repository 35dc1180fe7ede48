// Package id makes the identifiers of everything Dreamchat stores: UUIDs of
// version 7 (RFC 9562, section 5.7), which sort by the time they were made.
package id

import "github.com/google/uuid"

// New returns a fresh identifier in its canonical lower-case form.
// It is safe for concurrent use.
func New() string {
	return uuid.Must(uuid.NewV7()).String()
}

// Valid tells whether s is a UUID in canonical lower-case form. What is not
// cannot name anything stored, so callers answer "not found" without asking.
func Valid(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
