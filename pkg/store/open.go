// Package store keeps accounts, conversations, messages and the catalogue of
// models in SQL, through GORM, on PostgreSQL and on SQLite with one behaviour.
// It knows the domain and nothing of those who call it.
//
// An exported method opens the transaction, an unexported function takes it.
// Times are stored in UTC and cut to microseconds.
package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"dreamchat/migrations"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// Store is one database. All methods are safe for concurrent use.
//
// A method whose context is cancelled returns the cause of that context. A
// database that is away, or does not answer before the context's deadline, is
// problem.Unavailable.
type Store struct {
	dialect migrations.Dialect
	path    string // the file of a SQLite database
	// SQLite has one writer at a time, so its writes queue for one connection
	// while reads have others. On PostgreSQL both are the same pool.
	write, read *gorm.DB
}

var (
	_ chat.ConversationStore = (*Store)(nil)
	_ chat.MessageStore      = (*Store)(nil)
	_ chat.ModelStore        = (*Store)(nil)
	_ chat.GenerationStore   = (*Store)(nil)
	_ chat.ChangeStore       = (*Store)(nil)
	_ auth.Store             = (*Store)(nil)
	_ auth.APIKeyStore       = (*Store)(nil)
	_ auth.IdentityStore     = (*Store)(nil)
	_ auth.KeyStore          = (*Store)(nil)
)

// Options are the settings of the connection pool. Zero fields take the
// defaults that are named beside them.
type Options struct {
	// MaxOpenConns bounds the connections: 20 on PostgreSQL. On SQLite it
	// bounds those that read, 4; exactly one writes.
	MaxOpenConns int
	// ConnMaxLifetime is the age at which a connection is replaced: an hour.
	ConnMaxLifetime time.Duration
	// ConnMaxIdleTime is how long an unused connection is kept: 5 minutes.
	ConnMaxIdleTime time.Duration
	// ConnectTimeout bounds one attempt to reach a PostgreSQL server, unless
	// the URL sets connect_timeout: 5 seconds.
	ConnectTimeout time.Duration
	// Log takes what is wrong and does not keep the database from being used:
	// nothing if nil.
	Log *slog.Logger
}

const (
	defaultServerConns     = 20
	defaultFileConns       = 4
	defaultConnMaxLifetime = time.Hour
	defaultConnMaxIdleTime = 5 * time.Minute
	defaultConnectTimeout  = 5 * time.Second
)

// Open connects to the database that url names: "postgres://…" or
// "postgresql://…" for a server, or "sqlite:" and the path of a file, such as
// "sqlite:./data/dreamchat.db", whose folder is made if it is missing. Beside that
// file lie its write-ahead log ("-wal", "-shm") and "-lock", which processes that
// start at once take turns by. All of them are for their owner only. The error is a sentence for the person who set the
// URL; it never holds a password. The caller closes the store.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	path, isFile := strings.CutPrefix(url, "sqlite:")
	switch {
	case isFile:
		return openSQLite(ctx, path, options)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return openPostgres(ctx, url, options)
	default:
		return nil, errors.New(`the database URL must begin with "postgres://" or "sqlite:"`)
	}
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return failure(ctx, s.read.WithContext(ctx).Exec("SELECT 1").Error, "database")
}

// Close ends all connections. Calls under way fail with problem.Unavailable.
func (s *Store) Close() error {
	err := closePool(s.write)
	if s.read != s.write {
		err = errors.Join(err, closePool(s.read))
	}
	return err
}

func closePool(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

func limitPool(pool *sql.DB, maxOpen int, options Options) {
	pool.SetMaxOpenConns(maxOpen)
	pool.SetMaxIdleConns(maxOpen)
	pool.SetConnMaxLifetime(orDefault(options.ConnMaxLifetime, defaultConnMaxLifetime))
	pool.SetConnMaxIdleTime(orDefault(options.ConnMaxIdleTime, defaultConnMaxIdleTime))
}

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

func gormOver(dialector gorm.Dialector) (*gorm.DB, error) {
	return gorm.Open(dialector, &gorm.Config{
		// GORM's own logger prints values, which are people's words. Every
		// error is returned, and logged where it is handled.
		Logger:                 logger.Discard,
		TranslateError:         true,
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true, // it would ignore the context
	})
}

// stamp is a time as both dialects keep it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
