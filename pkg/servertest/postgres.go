//go:build unix

package servertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shared is the private server that the tests of this binary share. It must stay
// reachable: the guardian takes the end of its pipe, even by the garbage
// collector, for the end of the binary.
//
//nolint:gochecknoglobals // once per test binary is its very meaning
var shared = sync.OnceValues(func() (*cluster, error) {
	c, err := newCluster()
	if err != nil {
		return nil, err
	}
	return c, c.start()
})

func sharedURL() (string, error) {
	if server := os.Getenv("TEST_DATABASE_URL"); server != "" {
		return server, nil
	}
	c, err := shared()
	if err != nil {
		return "", err
	}
	return c.url("postgres"), nil
}

// Postgres gives the URL of a fresh, empty database that no other test sees. It
// is dropped at the end of the test, whoever is still connected.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return (&Template{}).Postgres(tb)
}

// Template is a database of which tests get copies, made once and much faster
// than they could be prepared one by one. On a server that TEST_DATABASE_URL
// names it stays for the next test binary.
type Template struct {
	// Name must change whenever what Prepare does changes: lower-case letters,
	// digits and "_", at most 30. Without a name the copies are empty.
	Name string
	// Prepare fills the database at this URL and closes its connections.
	Prepare func(url string) error
}

// Postgres gives the URL of a fresh copy, which is dropped at the end of the test.
func (t *Template) Postgres(tb testing.TB) string {
	tb.Helper()
	server, err := sharedURL()
	must(tb, err, "PostgreSQL")
	name := "dreamchat_test_" + strings.ToLower(rand.Text())
	must(tb, t.copy(server, name), "create a database")
	tb.Cleanup(func() {
		must(tb, execute(server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"), "drop a database")
	})
	return withPath(server, name)
}

func (t *Template) copy(server, name string) error {
	if t.Name == "" {
		return execute(server, "CREATE DATABASE "+name+" TEMPLATE template0")
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // which also gives the lock back
	// Test binaries take turns; the key is any number that others do not use.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(7263541908)"); err != nil {
		return err
	}
	template := "dreamchat_template_" + t.Name
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template).Scan(&exists)
	if err != nil {
		return err
	}
	if !exists {
		if err := t.make(ctx, conn, server, template); err != nil {
			return fmt.Errorf("prepare the template %s: %w", t.Name, err)
		}
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
	return err
}

// make gives the template its name last, so that a half-made one is never used.
func (t *Template) make(ctx context.Context, conn *pgx.Conn, server, template string) error {
	draft := template + "_draft"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + draft, "CREATE DATABASE " + draft + " TEMPLATE template0"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := t.Prepare(withPath(server, draft)); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+template)
	return err
}

// PostgresServer is a private PostgreSQL server with an empty database.
type PostgresServer struct {
	// URL stays the same when the server stops and starts again.
	URL string

	tb      testing.TB
	mu      sync.Mutex
	cluster *cluster
}

// StartPostgres starts a private server, which ends with the test. Starting one
// takes about a second; tests that stop no server use [Postgres].
func StartPostgres(tb testing.TB) *PostgresServer {
	tb.Helper()
	c, err := newCluster()
	must(tb, err, "PostgreSQL")
	s := &PostgresServer{URL: c.url("postgres"), tb: tb, cluster: c}
	tb.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(c.folder) // a temporary folder
	})
	s.Start()
	return s
}

// Start runs the server again, with its data, on the address it had before. It
// returns when the server answers.
func (s *PostgresServer) Start() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster.running == nil {
		must(s.tb, s.cluster.start(), "start PostgreSQL")
	}
}

// Stop ends the server at once, as a crash would.
func (s *PostgresServer) Stop() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	must(s.tb, s.cluster.stop(), "stop PostgreSQL")
}

func execute(server, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	_, err = conn.Exec(ctx, statement)
	return err
}

// withPath names another database of the server.
func withPath(server, database string) string {
	parsed, err := url.Parse(server)
	if err != nil {
		return server
	}
	parsed.Path = "/" + database
	return parsed.String()
}
