package apitest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// Routes fails the test for each route that the document does not describe and
// for each operation that has no route.
func (c *Contract) Routes(tb testing.TB, routes []*echo.Route) {
	tb.Helper()
	var served []string
	for _, route := range routes {
		if route.Method != echo.RouteNotFound {
			served = append(served, route.Method+" "+route.Path)
		}
	}
	var described []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+routePath(path, item))
		}
	}
	for _, name := range served {
		if !slices.Contains(described, name) {
			tb.Errorf("contract: %s is served and not described in openapi.yaml", name)
		}
	}
	for _, name := range described {
		if !slices.Contains(served, name) {
			tb.Errorf("contract: %s is described in openapi.yaml and not served", name)
		}
	}
}

// routePath is a path of the document as Echo writes it.
func routePath(template string, item *openapi3.PathItem) string {
	if takesRest(item) {
		template = template[:strings.LastIndex(template, "{")] + "*"
	}
	return parameter.ReplaceAllString(template, ":$1")
}

// Scope is the scope that an API key needs for an operation; ok is false if the
// document lets no key call it.
func (c *Contract) Scope(tb testing.TB, method, path string) (scope string, ok bool) {
	tb.Helper()
	var item *openapi3.PathItem
	for template, found := range c.doc.Paths.Map() {
		if routePath(template, found) == path {
			item = found
		}
	}
	if item == nil || item.GetOperation(method) == nil {
		tb.Fatalf("contract: %s %s is not described", method, path)
	}
	security := item.GetOperation(method).Security
	if security == nil {
		security = &c.doc.Security
	}
	for _, requirement := range *security {
		if scopes, named := requirement["apiKey"]; named && len(scopes) == 1 {
			return scopes[0], true
		}
	}
	return "", false
}

// Headers are the names of all headers that the document describes for responses.
func (c *Contract) Headers() []string {
	names := make(map[string]bool)
	for _, item := range c.doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for name := range response.Value.Headers {
					names[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
