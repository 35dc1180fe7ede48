//go:build unix

package servertest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/servertest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestPostgresDatabasesArePrivate(t *testing.T) {
	for range 2 {
		conn := connect(t, servertest.Postgres(t))
		if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (id int)"); err != nil {
			t.Errorf("the database is not fresh: %v", err)
		}
	}
}

func TestTemplateIsPreparedOnce(t *testing.T) {
	prepared := 0
	template := &servertest.Template{Name: "once", Prepare: func(url string) error {
		prepared++
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), "CREATE TABLE prepared (id int)")
		return err
	}}
	for range 2 {
		conn := connect(t, template.Postgres(t))
		if _, err := conn.Exec(t.Context(), "INSERT INTO prepared VALUES (1)"); err != nil {
			t.Error(err)
		}
	}
	if prepared > 1 {
		t.Errorf("the template was prepared %d times", prepared)
	}
}

func TestPostgresServerStopsAndStartsAgain(t *testing.T) {
	server := servertest.StartPostgres(t)
	if _, err := connect(t, server.URL).Exec(t.Context(), "CREATE TABLE kept (id int)"); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if _, err := pgx.Connect(t.Context(), server.URL); err == nil {
		t.Fatal("a stopped server answers")
	}
	server.Start()
	if _, err := connect(t, server.URL).Exec(t.Context(), "INSERT INTO kept VALUES (1)"); err != nil {
		t.Errorf("after the start: %v", err)
	}
}

func TestServersOfAProgramEndWithoutATrace(t *testing.T) {
	servers, err := servertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(t, servers.DatabaseURL).Ping(t.Context()); err != nil {
		t.Errorf("PostgreSQL: %v", err)
	}
	redis := client(t, servers.RedisURL)
	if err := redis.Ping(t.Context()).Err(); err != nil {
		t.Errorf("Redis: %v", err)
	}
	if err := servers.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := redis.Ping(t.Context()).Err(); err == nil {
		t.Error("Redis answers after its end")
	}
}

func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries, options.DialerRetries = -1, 1 // a stopped server is told at once
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisDatabasesArePrivate(t *testing.T) {
	for range 2 {
		mine := client(t, servertest.Redis(t))
		if n, err := mine.Incr(t.Context(), "counter").Result(); err != nil || n != 1 {
			t.Errorf("the first count is %d, %v", n, err)
		}
	}
}

func TestRedisServerStopsAndStartsAgain(t *testing.T) {
	server := servertest.StartRedis(t)
	connection := client(t, server.URL)
	if err := connection.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := connection.Ping(t.Context()).Err(); err == nil {
		t.Fatal("a stopped server answers")
	}
	server.Start()
	if err := connection.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after the start: %v", err)
	}
}
