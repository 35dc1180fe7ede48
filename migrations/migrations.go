// Package migrations holds the schema as numbered SQL files, one series for
// each dialect with the same tables, columns and constraints under the same
// version numbers. It does not know how they are applied.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Dialect names a series of files.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// FS is the series of one dialect, in goose's format, with the files at its
// root.
func FS(dialect Dialect) (fs.FS, error) {
	return fs.Sub(files, string(dialect))
}
