package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/problem"
)

// bodyTimeout is how long a client may take to send its body.
const bodyTimeout = 30 * time.Second

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

// body reads the whole body, at most limit bytes of it.
func (s *Server) body(c echo.Context, limit int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return nil, problem.UnsupportedMedia.New("Send JSON, with Content-Type: application/json.")
	}
	control := http.NewResponseController(c.Response())
	// A server without deadlines (as in tests) reads without one.
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, limit))
	_ = control.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.TooLarge.New("The body is too large.").With("limit", tooLarge.Limit)
	case err != nil:
		return nil, problem.Malformed.Because(err, "The body cannot be read.")
	}
	return body, nil
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

// fill sets the fields that the members name, and takes those members away. It
// returns what has a wrong type.
func fill(into reflect.Value, members map[string]json.RawMessage) []problem.Field {
	var wrong []problem.Field
	for i := range into.NumField() {
		name := jsonName(into.Type().Field(i))
		raw, given := members[name]
		delete(members, name)
		if !given {
			continue
		}
		if detail := set(into.Field(i), raw); detail != "" {
			wrong = append(wrong, problem.Field{Pointer: "/" + name, Detail: detail})
		}
	}
	return wrong
}

// set decodes one member, and says what is wrong with it.
func set(field reflect.Value, raw json.RawMessage) string {
	switch {
	case isNull(raw):
		return "must not be null"
	case !utf8.Valid(raw):
		return "must be valid UTF-8"
	}
	if err := json.Unmarshal(raw, field.Addr().Interface()); err != nil {
		return "must be " + typeName(field.Type())
	}
	if text := reflect.Indirect(field); text.Kind() == reflect.String && strings.ContainsRune(text.String(), 0) {
		return "must not contain the character U+0000"
	}
	return ""
}

func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[[]json.RawMessage]() {
		return "a list"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of strings"
	default:
		return "of another type"
	}
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// escapePointer writes a name as a part of a JSON Pointer (RFC 6901, section
// 3), bounded, since a caller made it up.
func escapePointer(name string) string {
	name = strings.ToValidUTF8(name[:min(len(name), 100)], "\uFFFD")
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
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
