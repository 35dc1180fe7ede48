package api

import (
	"io/fs"
	"path"

	"github.com/labstack/echo/v4"
	swagger "github.com/swaggo/files/v2"

	"dreamchat"
	"dreamchat/pkg/problem"
)

// docsPage shows openapi.yaml with Swagger UI. It loads nothing from elsewhere.
const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dreamchat API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
`

// docsInitializer starts Swagger UI. Without validatorUrl: null it could ask a
// public server about the document.
const docsInitializer = `SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
`

// docsPolicy permits what the page needs from this server and nothing else.
// Swagger UI sets styles inline and holds small pictures in data URLs.
const docsPolicy = "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; " +
	"style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) openAPI(c echo.Context) error {
	return tagged(c, "application/yaml", dreamchat.OpenAPI)
}

func (s *Server) docs(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, docsPolicy)
	return tagged(c, echo.MIMETextHTMLCharsetUTF8, []byte(docsPage))
}

// docsFile serves the files that the page loads, and no other of Swagger UI.
func (s *Server) docsFile(c echo.Context) error {
	switch name := c.Param("file"); name {
	case "swagger-initializer.js":
		return tagged(c, docsType(name), []byte(docsInitializer))
	case "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png":
		file, err := fs.ReadFile(swagger.FS, name)
		if err != nil {
			return err
		}
		return tagged(c, docsType(name), file)
	default:
		return problem.NotFound.New("The documentation has no such file.")
	}
}

func docsType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	default:
		return "image/png"
	}
}
