// Package dreamchat embeds the description of the HTTP interface.
package dreamchat

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document that the server serves and that every
// test of the HTTP interface is checked against.
//
//go:embed openapi.yaml
var OpenAPI []byte
