package api

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"dreamchat/pkg/problem"
)

var (
	clientIDForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,200}$`)
	usernameForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	// priceForm has digits as they are stored and shown.
	priceForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(\.[0-9]{0,19}[1-9])?$`)
)

// rules checks structs by their "validate" tags. It caches what it learns of a
// type, so there is one.
//
//nolint:gochecknoglobals // made once, never written
var rules = sync.OnceValue(func() *validator.Validate {
	made := validator.New(validator.WithRequiredStructEnabled())
	made.RegisterTagNameFunc(jsonName)
	check := func(tag string, holds func(string) bool) {
		// It fails only for an empty tag.
		_ = made.RegisterValidation(tag, func(field validator.FieldLevel) bool {
			return holds(field.Field().String())
		})
	}
	check("username", usernameForm.MatchString)
	check("clientid", clientIDForm.MatchString)
	check("streampath", streamForm.MatchString)
	check("notblank", func(text string) bool { return strings.TrimSpace(text) != "" })
	check("bytes512", func(text string) bool { return len(text) <= 512 })
	return made
})

// broken lists the rules that a request breaks, save in fields that are known
// to be wrong already.
func broken(request any, known []problem.Field) []problem.Field {
	var found validator.ValidationErrors
	if !errors.As(rules().Struct(request), &found) {
		return nil
	}
	var fields []problem.Field
	for _, rule := range found {
		pointer := "/" + inLists.Replace(rule.Field())
		same := func(field problem.Field) bool { return field.Pointer == pointer }
		if !slices.ContainsFunc(known, same) {
			fields = append(fields, problem.Field{Pointer: pointer, Detail: sentence(rule)})
		}
	}
	return fields
}

// inLists makes parts of a JSON Pointer of the validator's indexes.
//
//nolint:gochecknoglobals // made once, never written
var inLists = strings.NewReplacer("[", "/", "]", "")

// sentence tells a caller what a rule asks for.
func sentence(rule validator.FieldError) string {
	text := rule.Kind() == reflect.String
	switch rule.Tag() {
	case "required", "notblank":
		return "is required and must not be blank"
	case "email":
		return "must be an email address"
	case "username":
		return "may hold letters, digits, dots, hyphens and underscores only"
	case "clientid":
		return "must have 1 to 200 letters, digits, dots, hyphens, underscores and colons"
	case "streampath":
		return "must be /api/v1/events or /api/v1/messages/{id}/events"
	case "bytes512":
		return "must take at most 512 bytes"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(rule.Param(), " ", ", ")
	case "min":
		if text {
			return "must have at least " + rule.Param() + " characters"
		}
		if rule.Kind() == reflect.Slice {
			return "must not be empty"
		}
		return "must be at least " + rule.Param()
	case "max":
		if rule.Kind() == reflect.Slice {
			return "must have at most " + rule.Param() + " entries"
		}
		if text {
			return "must have at most " + rule.Param() + " characters"
		}
		return "must be at most " + rule.Param()
	}
	return "is not valid"
}
