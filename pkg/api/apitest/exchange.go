package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// exchange is one request and what came back.
type exchange struct {
	contract *Contract
	tb       testing.TB
	request  *http.Request
	response *http.Response
}

func (x *exchange) complain(format string, values ...any) {
	x.tb.Helper()
	values = append([]any{x.request.Method, x.request.URL.Path, x.response.StatusCode}, values...)
	x.tb.Errorf("contract: %s %s: %d: "+format, values...)
}

func (x *exchange) check() {
	x.checkSecure()
	route, parameters := x.contract.find(x.request)
	if route == nil || x.atTheDoor() {
		x.checkOutside(route)
		return
	}
	input := &openapi3filter.RequestValidationInput{
		Request:    x.request,
		PathParams: parameters,
		Route:      route,
		Options:    options(),
	}
	if x.response.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(x.request.Context(), input); err != nil {
			x.complain("the request was granted: %v", err)
		}
	}
	described := route.Operation.Responses.Status(x.response.StatusCode)
	if described == nil {
		x.complain("the status is not described")
		return
	}
	x.checkHeaders(described.Value)
	x.checkBody(described.Value, input)
}

// options ask for strict checks. An operation with a security requirement must
// not be granted without a token, whatever the token is.
func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		SkipSettingDefaults: true,
		AuthenticationFunc: func(_ context.Context, input *openapi3filter.AuthenticationInput) error {
			request := input.RequestValidationInput.Request
			scheme := input.SecurityScheme
			bearer := strings.HasPrefix(strings.ToLower(request.Header.Get("Authorization")), "bearer ")
			if scheme.Type == "http" && bearer || scheme.Type == "apiKey" && request.URL.Query().Has(scheme.Name) {
				return nil
			}
			return errors.New("no credentials were sent")
		},
		SchemaValidationOptions: formats(),
	}
}

// formats gives a meaning to formats that the library does not check.
func formats() []openapi3.SchemaValidationOption {
	return []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(
			`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)),
		openapi3.WithStringFormatValidator("email", openapi3.NewRegexpFormatValidator(
			openapi3.FormatOfStringForEmail)),
	}
}

// general matches headers that any response may have.
var general = regexp.MustCompile(`^(Access-Control-.*|Cache-Control|Connection|Content-Length|Content-Type|Date|` +
	`Strict-Transport-Security|Vary)$`)

// checkHeaders refuses headers that the document does not name. Those that it
// names are looked at with the body, save for 304, which the library skips.
func (x *exchange) checkHeaders(described *openapi3.Response) {
	var named []string
	for name, header := range described.Headers {
		named = append(named, http.CanonicalHeaderKey(name))
		missing := x.response.Header.Get(name) == ""
		if x.response.StatusCode == http.StatusNotModified && header.Value.Required && missing {
			x.complain("the header %s is missing", name)
		}
	}
	for name, values := range x.response.Header {
		switch header := x.contract.onAny[name]; {
		case header != nil:
			if err := header.Schema.Value.VisitJSON(values[0]); err != nil || len(values) > 1 {
				x.complain("the header %s is %q: %v", name, values, err)
			}
		case !slices.Contains(named, name) && !general.MatchString(name) && secure[name] == "":
			x.complain("the header %s is not described", name)
		}
	}
}

// checkBody compares headers and body with the document. A stream is only
// wrapped: it is checked while the test reads it.
func (x *exchange) checkBody(described *openapi3.Response, input *openapi3filter.RequestValidationInput) {
	kind := x.response.Header.Get("Content-Type")
	media := described.Content.Get(kind)
	if len(described.Content) > 0 && media == nil {
		x.complain("the content type %q is not described", kind)
		return
	}
	if media != nil && media.Schema != nil && media.Schema.Value.ContentSchema != nil {
		x.validate(input, nil)
		x.response.Body = x.follow(media.Schema.Value.ContentSchema.Value)
		return
	}
	text, err := io.ReadAll(x.response.Body)
	x.response.Body = &replay{Reader: io.MultiReader(bytes.NewReader(text), failing{err}), Closer: x.response.Body}
	if err != nil {
		return // the connection broke, which the test is told
	}
	if len(described.Content) == 0 && len(text) > 0 {
		x.complain("there is a body, and none is described")
	}
	x.validate(input, text)
}

// validate leaves the bodies of other types than JSON alone.
func (x *exchange) validate(request *openapi3filter.RequestValidationInput, body []byte) {
	kind, _, _ := mime.ParseMediaType(x.response.Header.Get("Content-Type"))
	strict := *request.Options
	strict.ExcludeResponseBody = !strings.HasSuffix(kind, "json")
	err := openapi3filter.ValidateResponse(x.request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 x.response.StatusCode,
		Header:                 x.response.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &strict,
	})
	if err != nil {
		x.complain("%v", err)
	}
}

// replay gives back what was read of a body already.
type replay struct {
	io.Reader
	io.Closer
}

// failing ends a body as it ended at first.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
