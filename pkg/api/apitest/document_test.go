package apitest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"dreamchat"
	"dreamchat/pkg/problem"
)

//nolint:gochecknoglobals // read once for all tests of a process, never written
var load = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(dreamchat.OpenAPI)
})

// document is what openapi.yaml says, for reading only.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentNamesEveryProblem(t *testing.T) {
	t.Parallel()
	schemas := document(t).Components.Schemas
	table := schemas["Problem"].Value.Description
	var codes []any
	for kind := problem.Internal; kind <= problem.Interrupted; kind++ {
		codes = append(codes, kind.Code())
		if row := fmt.Sprintf("| `%s` | %d |", kind.Code(), kind.Status()); !strings.Contains(table, row) {
			t.Errorf("the table of problems lacks %q", row)
		}
	}
	if got := schemas["ProblemCode"].Value.Enum; !slices.Equal(got, codes) {
		t.Errorf("the codes are %v, want %v", got, codes)
	}
}

func TestDocumentDescribesEveryOperationAlike(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == "" || operation.Description == "" || len(operation.Tags) != 1 {
				t.Errorf("%s %s lacks an operationId, a description or a tag", method, path)
			}
			for status, response := range operation.Responses.Map() {
				if response.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s: %s lacks X-Request-Id", method, path, status)
				}
			}
			secured := operation.Security == nil || len(*operation.Security) > 0
			if secured != (operation.Responses.Value("401") != nil) && !strings.HasPrefix(path, "/api/v1/auth/") {
				t.Errorf("%s %s: 401 and security do not agree", method, path)
			}
			counted := !slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, path)
			if counted != (operation.Responses.Value("429") != nil) {
				t.Errorf("%s %s: 429 is described, or not, though it is counted: %v", method, path, counted)
			}
		}
	}
}

func TestDocumentExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	var check func(name string, schema *openapi3.Schema)
	check = func(name string, schema *openapi3.Schema) {
		for _, example := range schema.Examples {
			if err := schema.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("%s: %v: %v", name, example, err)
			}
		}
		for property, ref := range schema.Properties {
			if ref.Ref == "" {
				check(name+"/"+property, ref.Value)
			}
		}
	}
	for name, ref := range document(t).Components.Schemas {
		check(name, ref.Value)
	}
}
