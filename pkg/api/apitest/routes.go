package apitest

import (
	"regexp"
	"slices"
	"testing"

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
			described = append(described, method+" "+parameter.ReplaceAllString(path, ":$1"))
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
