package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"dreamchat/pkg/problem"
)

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
