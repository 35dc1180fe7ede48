//go:build unix

package servertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a private PostgreSQL server and its files.
type cluster struct {
	binary   string
	folder   string
	port     int
	password string
	runAs    *syscall.SysProcAttr
	running  *process
}

// newCluster makes the files of a server that is not running yet.
func newCluster() (*cluster, error) {
	postgres, err := binary("postgres", "postgresql", "/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	initdb, err := binary("initdb", "postgresql", "/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	c := &cluster{binary: postgres, password: rand.Text()}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	if c.folder, err = os.MkdirTemp("", "dreamchat-postgres-*"); err != nil {
		return nil, err
	}
	if err = c.initialize(initdb); err != nil {
		_ = os.RemoveAll(c.folder) // a temporary folder
		return nil, err
	}
	return c, nil
}

func (c *cluster) initialize(initdb string) error {
	secret := filepath.Join(c.folder, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		owner, err := unprivileged()
		if err != nil {
			return err
		}
		for _, path := range []string{c.folder, secret} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
		c.runAs = &syscall.SysProcAttr{Credential: owner}
	}
	command := exec.Command(initdb, "--pgdata", c.data(), "--username", "postgres", "--pwfile", secret,
		"--auth", "password", "--encoding", "UTF8", "--no-locale", "--no-sync")
	command.Dir, command.SysProcAttr = c.folder, c.runAs
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return nil
}

// unprivileged is the user that runs PostgreSQL, which refuses to be root.
func unprivileged() (*syscall.Credential, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (c *cluster) data() string { return filepath.Join(c.folder, "data") }

// start returns when the server answers.
func (c *cluster) start() error {
	command := exec.Command(c.binary, "-D", c.data(), "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=300", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
		"-c", "fsync=off", "-c", "full_page_writes=off")
	if c.runAs != nil {
		attributes := *c.runAs
		command.SysProcAttr = &attributes
	}
	var err error
	if c.running, err = launch(command, syscall.SIGQUIT, c.folder); err != nil {
		return err
	}
	return await(c.folder, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// stop ends the server at once, as a crash would, and keeps its files.
func (c *cluster) stop() error {
	if c.running == nil {
		return nil
	}
	running := c.running
	c.running = nil
	return running.kill()
}

func (c *cluster) url(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", c.password),
		Host: loopback(c.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}).String()
}
