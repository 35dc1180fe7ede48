//go:build unix

package servertest

import (
	"errors"
	"os"
)

// Servers are a private PostgreSQL and a private Redis for a program that is no
// test, such as one that measures.
type Servers struct {
	DatabaseURL, RedisURL string

	postgres *cluster
	redis    *RedisServer
}

// Start starts both. The caller stops them; if it dies first, they end too.
func Start() (*Servers, error) {
	postgres, err := newCluster()
	if err != nil {
		return nil, err
	}
	s := &Servers{DatabaseURL: postgres.url("postgres"), postgres: postgres}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Servers) start() error {
	if err := s.postgres.start(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "dreamchat-redis-*")
	if err != nil {
		return err
	}
	if s.redis, err = newRedis(folder); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	s.RedisURL = s.redis.URL
	return s.redis.start()
}

// Stop ends both. Their data is gone.
func (s *Servers) Stop() error {
	err := errors.Join(s.postgres.stop(), os.RemoveAll(s.postgres.folder))
	if s.redis == nil {
		return err
	}
	if s.redis.running != nil {
		err = errors.Join(err, s.redis.running.kill())
	}
	return errors.Join(err, os.RemoveAll(s.redis.folder))
}
