// Package apitest holds the HTTP face to openapi.yaml: whatever a test sends
// and gets is compared with what the document says.
package apitest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"dreamchat"
)

// Contract is the document. It is safe for concurrent use.
type Contract struct {
	doc *openapi3.T
	// onAny are the headers that any answer may have.
	onAny map[string]*openapi3.Header
}

//nolint:gochecknoglobals // read once for all tests of a process, never written
var load = sync.OnceValues(func() (*Contract, error) { return parse(dreamchat.OpenAPI) })

// LoadContract returns the document that the server serves. One that is not
// valid, or whose examples do not fit its schemas, ends the test.
func LoadContract(tb testing.TB) *Contract {
	tb.Helper()
	contract, err := load()
	if err != nil {
		tb.Fatalf("openapi.yaml: %v", err)
	}
	return contract
}

func parse(text []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	for _, schema := range doc.Components.Schemas {
		seal(schema)
	}
	onAny := make(map[string]*openapi3.Header)
	for name, header := range doc.Components.Responses["TooManyRequests"].Value.Headers {
		if anywhere, _ := header.Value.Extensions["x-on-any-answer"].(bool); anywhere {
			onAny[http.CanonicalHeaderKey(name)] = header.Value
		}
	}
	return &Contract{doc: doc, onAny: onAny}, nil
}

// seal makes an object refuse members that the document does not name. Clients
// are to accept them, so the document leaves objects open; here a new member
// without a description is a fault.
func seal(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	schema := ref.Value
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Has == nil {
		sealed := false
		schema.AdditionalProperties.Has = &sealed
	}
	if ref.Ref != "" {
		return // its target is sealed where it is defined
	}
	for _, property := range schema.Properties {
		seal(property)
	}
	seal(schema.Items)
	for _, branch := range schema.OneOf {
		seal(branch)
	}
}

// find returns the operation that a request calls and the parts of its path.
func (c *Contract) find(request *http.Request) (*routers.Route, map[string]string) {
	for _, template := range c.doc.Paths.InMatchingOrder() {
		item := c.doc.Paths.Value(template)
		parameters, ok := match(template, request.URL.EscapedPath(), takesRest(item))
		if !ok {
			continue
		}
		operation := item.GetOperation(request.Method)
		if operation == nil {
			continue
		}
		return &routers.Route{
			Spec:      c.doc,
			Path:      template,
			PathItem:  item,
			Method:    request.Method,
			Operation: operation,
		}, parameters
	}
	return nil, nil
}

// takesRest tells whether the last parameter of a path is all that is left of it,
// slashes included, for which OpenAPI has no words.
func takesRest(item *openapi3.PathItem) bool {
	return slices.ContainsFunc(item.Parameters, func(parameter *openapi3.ParameterRef) bool {
		rest, _ := parameter.Value.Extensions["x-rest-of-path"].(bool)
		return rest
	})
}

func match(template, path string, rest bool) (map[string]string, bool) {
	names, parts := strings.Split(template, "/"), strings.Split(path, "/")
	if rest {
		parts = strings.SplitN(path, "/", len(names))
	}
	if len(names) != len(parts) {
		return nil, false
	}
	parameters := make(map[string]string)
	for i, name := range names {
		part, err := url.PathUnescape(parts[i])
		switch {
		case err != nil:
			return nil, false
		case strings.HasPrefix(name, "{"):
			parameters[strings.Trim(name, "{}")] = part
		case name != part:
			return nil, false
		}
	}
	return parameters, true
}
