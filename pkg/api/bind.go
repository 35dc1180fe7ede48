package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/problem"
)

// bind reads a JSON object into the fields of a struct and checks it. Unknown
// fields and what is no JSON object are problem.Malformed; fields of a wrong
// type or beyond their rules are problem.Invalid, all of them at once.
func bind[T any](s *Server, c echo.Context) (T, error) {
	var into T
	body, err := s.body(c, s.BodyLimit)
	if err != nil {
		return into, err
	}
	members, err := object(body)
	if err != nil {
		return into, err
	}
	wrong := fill(reflect.ValueOf(&into).Elem(), members)
	for name := range members {
		return into, malformed("/"+escapePointer(name), "The field is not known here.")
	}
	return into, invalid(append(wrong, broken(into, wrong)...))
}

// bindLoosely is bind for the requests of somebody else's clients, which may hold
// more than we know. A null there is a field that is not given.
func bindLoosely[T any](s *Server, c echo.Context, limit int64) (T, error) {
	var into T
	body, err := s.body(c, limit)
	if err != nil {
		return into, err
	}
	members, err := object(body)
	if err != nil {
		return into, err
	}
	maps.DeleteFunc(members, func(_ string, raw json.RawMessage) bool { return isNull(raw) })
	wrong := fill(reflect.ValueOf(&into).Elem(), members)
	return into, invalid(append(wrong, broken(into, wrong)...))
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

// bindOptional is bind, but no body at all is an empty object.
func bindOptional[T any](s *Server, c echo.Context) (T, error) {
	if c.Request().ContentLength == 0 {
		var into T
		return into, nil
	}
	return bind[T](s, c)
}

// object splits a JSON object into its members.
func object(body []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	err := json.Unmarshal(body, &members)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, malformed("", "The body is not well-formed JSON: "+syntax.Error()+".").With("offset", syntax.Offset)
	case err != nil || members == nil:
		return nil, malformed("", "The body must be a JSON object.")
	}
	return members, nil
}

func malformed(pointer, detail string) *problem.Error {
	found := problem.Malformed.New(detail)
	if pointer != "" {
		found.Fields = []problem.Field{{Pointer: pointer, Detail: detail}}
	}
	return found
}

// invalid is nil if nothing is wrong.
func invalid(wrong []problem.Field) error {
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	found := problem.Invalid.New("The request breaks a rule: see errors.")
	found.Fields = wrong
	return found
}
