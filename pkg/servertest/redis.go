//go:build unix

package servertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis gives the URL of a Redis of the test's own, empty. With TEST_REDIS_URL
// that is one database of that server, in which keys are private and
// publish/subscribe channels are not; otherwise it is a server.
func Redis(tb testing.TB) string {
	tb.Helper()
	if server := os.Getenv("TEST_REDIS_URL"); server != "" {
		return lendDatabase(tb, server)
	}
	return StartRedis(tb).URL
}

// RedisClient is a connection to a Redis by its URL, until the end of the test.
func RedisClient(tb testing.TB, address string) *redis.Client {
	tb.Helper()
	options, err := redis.ParseURL(address)
	must(tb, err, "read a Redis URL")
	client := redis.NewClient(options)
	tb.Cleanup(func() { _ = client.Close() }) // nothing is lost with it
	return client
}

// RedisServer is a private Redis server.
type RedisServer struct {
	// URL stays the same when the server stops and starts again.
	URL string

	tb       testing.TB
	mu       sync.Mutex
	binary   string
	folder   string
	port     int
	password string
	running  *process
}

// StartRedis starts a private server, which ends with the test.
func StartRedis(tb testing.TB) *RedisServer {
	tb.Helper()
	s, err := newRedis(tb.TempDir())
	must(tb, err, "Redis")
	s.tb = tb
	tb.Cleanup(s.Stop)
	s.Start()
	return s
}

// newRedis is a server that is not running yet, with its files in a folder.
func newRedis(folder string) (*RedisServer, error) {
	path, err := binary("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &RedisServer{binary: path, folder: folder, port: port, password: rand.Text()}
	s.URL = (&url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: loopback(s.port), Path: "/0"}).String()
	return s, nil
}

// Start runs the server, empty, on the address it had before. It returns when
// the server answers.
func (s *RedisServer) Start() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		must(s.tb, s.start(), "start Redis")
	}
}

func (s *RedisServer) start() (err error) {
	command := exec.Command(s.binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port),
		"--requirepass", s.password, "--save", "", "--appendonly", "no", "--dir", s.folder)
	if s.running, err = launch(command, syscall.SIGTERM, s.folder); err != nil {
		return err
	}
	return await(s.folder, s.ping)
}

// Stop ends the server. Its data is gone.
func (s *RedisServer) Stop() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	// A frozen server hears of its end only once it goes on.
	must(s.tb, s.running.command.Process.Signal(syscall.SIGCONT), "stop Redis")
	must(s.tb, s.running.kill(), "stop Redis")
	s.running = nil
}

// Freeze makes a running server fall silent, with its connections open.
func (s *RedisServer) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *RedisServer) Thaw() { s.signal(syscall.SIGCONT) }

func (s *RedisServer) signal(signal syscall.Signal) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	must(s.tb, s.running.command.Process.Signal(signal), "signal Redis")
}

func (s *RedisServer) ping() error {
	conn, err := net.DialTimeout("tcp", loopback(s.port), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\n", s.password); err != nil {
		return err
	}
	answer := make([]byte, len("+OK"))
	if _, err := conn.Read(answer); err != nil {
		return err
	}
	if string(answer) != "+OK" {
		return fmt.Errorf("the server answers %q", answer)
	}
	return nil
}

// lease is how long a database is lent to a test that does not give it back.
const lease = 15 * time.Minute

// lendDatabase takes a database of a server that others use too. Database 0
// holds who has which.
func lendDatabase(tb testing.TB, server string) string {
	tb.Helper()
	ctx := context.Background()
	options, err := redis.ParseURL(server)
	must(tb, err, "read TEST_REDIS_URL")
	options.DB = 0
	desk := redis.NewClient(options)
	defer func() { _ = desk.Close() }() // nothing is lost with it
	configured, err := desk.ConfigGet(ctx, "databases").Result()
	must(tb, err, "ask Redis for its databases")
	databases, err := strconv.Atoi(configured["databases"])
	must(tb, err, "ask Redis for its databases")
	for db := 1; db < databases; db++ {
		key := "dreamchat:servertest:" + strconv.Itoa(db)
		ours, err := desk.SetNX(ctx, key, tb.Name(), lease).Result()
		must(tb, err, "take a Redis database")
		if ours {
			flush(tb, options, db)
			tb.Cleanup(func() { giveBack(tb, options, db, key) })
			return withDatabase(tb, server, db)
		}
	}
	tb.Fatalf("servertest: all databases of TEST_REDIS_URL are taken")
	return ""
}

func giveBack(tb testing.TB, options *redis.Options, db int, key string) {
	flush(tb, options, db)
	desk := redis.NewClient(options)
	must(tb, desk.Del(context.Background(), key).Err(), "give the Redis database back")
	must(tb, desk.Close(), "close the connection to Redis")
}

func flush(tb testing.TB, options *redis.Options, db int) {
	tb.Helper()
	there := *options
	there.DB = db
	client := redis.NewClient(&there)
	must(tb, client.FlushDB(context.Background()).Err(), "empty a Redis database")
	must(tb, client.Close(), "close the connection to Redis")
}

func withDatabase(tb testing.TB, server string, db int) string {
	tb.Helper()
	parsed, err := url.Parse(server)
	must(tb, err, "read TEST_REDIS_URL")
	parsed.Path = "/" + strconv.Itoa(db)
	return parsed.String()
}
