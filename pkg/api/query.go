package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// query reads the parameters of a list and gathers what is wrong with them. One
// that is given without a value is not one that is left out.
type query struct {
	values url.Values
	wrong  []problem.Field
}

func newQuery(c echo.Context) *query {
	return &query{values: c.QueryParams()}
}

func (q *query) complain(name, detail string) {
	q.wrong = append(q.wrong, problem.Field{Pointer: name, Detail: detail})
}

// integer reads a whole number from low to high.
func (q *query) integer(name string, otherwise, low, high int64) int64 {
	if !q.values.Has(name) {
		return otherwise
	}
	number, err := strconv.ParseInt(q.values.Get(name), 10, 64)
	if err != nil || number < low || number > high {
		q.complain(name, fmt.Sprintf("must be a whole number from %d to %d", low, high))
		return otherwise
	}
	return number
}

// boolean reads "true" or "false"; nil if the parameter is not given.
func (q *query) boolean(name string) *bool {
	if !q.values.Has(name) {
		return nil
	}
	text := q.values.Get(name)
	if text != "true" && text != "false" {
		q.complain(name, "must be true or false")
	}
	value := text == "true"
	return &value
}

// includes tells whether the parameter is given, which may say this word only.
func (q *query) includes(name, word string) bool {
	given := q.values.Has(name)
	if given && q.values.Get(name) != word {
		q.complain(name, "must be "+word)
	}
	return given
}

// oneOf reads one of some words, the first being the default.
func (q *query) oneOf(name string, words ...string) string {
	if !q.values.Has(name) {
		return words[0]
	}
	text := q.values.Get(name)
	if !slices.Contains(words, text) {
		q.complain(name, "must be one of "+strings.Join(words, ", "))
	}
	return text
}

// text reads a string of at most so many characters.
func (q *query) text(name string, most int) string {
	text := q.values.Get(name)
	switch {
	case utf8.RuneCountInString(text) > most:
		q.complain(name, fmt.Sprintf("must have at most %d characters", most))
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		q.complain(name, "must be valid UTF-8 without the character U+0000")
	default:
		return text
	}
	return ""
}

// when reads a time (RFC 3339) or a day, which is its first moment in UTC.
func (q *query) when(name string, otherwise time.Time) time.Time {
	if !q.values.Has(name) {
		return otherwise
	}
	text := q.values.Get(name)
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC()
		}
	}
	q.complain(name, "must be a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31")
	return otherwise
}

// err is nil if nothing was wrong.
func (q *query) err() error { return invalid(q.wrong) }

// pathID reads an id from the path. What cannot be one names nothing.
func pathID(c echo.Context) (string, error) {
	return validID(c.Param("id"))
}

// validID refuses what cannot be an id, the empty text too.
func validID(name string) (string, error) {
	if !id.Valid(name) {
		return "", problem.NotFound.New("There is nothing with this id.")
	}
	return name, nil
}
