package apitest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// secure are the headers that every response has, and how. The documentation has a
// policy of its own.
//
//nolint:gochecknoglobals // a table, never written
var secure = map[string]string{
	"Content-Security-Policy":      "default-src 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// checkSecure looks at what must hold for whatever was asked.
func (x *exchange) checkSecure() {
	for name, want := range secure {
		if got := x.response.Header.Values(name); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			x.complain("%s is %q, want %s", name, got, want)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "Set-Cookie", "Access-Control-Allow-Credentials"} {
		if got := x.response.Header.Get(name); got != "" {
			x.complain("%s is %q", name, got)
		}
	}
}

// atTheDoor tells whether the request is refused before anybody looks at what it
// asks for.
func (x *exchange) atTheDoor() bool {
	query := x.request.URL.RawQuery
	_, err := url.ParseQuery(query)
	unreadable := err != nil || strings.Count(query, "&") >= 32
	switch x.response.StatusCode {
	case http.StatusRequestURITooLong:
		return true
	case http.StatusBadRequest:
		return unreadable
	default:
		return false
	}
}

// checkOutside is for what no operation describes: unknown paths and methods,
// what is refused at the door, and the preflights of browsers.
func (x *exchange) checkOutside(route *routers.Route) {
	status := x.response.StatusCode
	switch {
	case x.request.Method == http.MethodOptions && status == http.StatusNoContent:
		return
	case status == http.StatusMethodNotAllowed && x.response.Header.Get("Allow") == "":
		x.complain("the header Allow is missing")
	case !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTooManyRequests}, status) && !x.atTheDoor():
		x.complain("the operation is not described")
		return
	}
	if x.request.Method == http.MethodHead {
		return
	}
	described := openapi3.NewResponse().WithContent(openapi3.NewContentWithSchemaRef(
		x.contract.doc.Components.Schemas["Problem"], []string{"application/problem+json"}))
	if route != nil && route.Operation.Responses.Status(http.StatusBadRequest) != nil {
		described = route.Operation.Responses.Status(http.StatusBadRequest).Value // the operation has a form of its own
	}
	responses := openapi3.NewResponses(openapi3.WithStatus(status, &openapi3.ResponseRef{Value: described}))
	x.checkBody(described, &openapi3filter.RequestValidationInput{
		Request: x.request,
		Route:   &routers.Route{Spec: x.contract.doc, Operation: &openapi3.Operation{Responses: responses}},
		Options: options(),
	})
}
