package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"

	"dreamchat/migrations"
	"dreamchat/pkg/problem"
)

func openPostgres(ctx context.Context, url string, options Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL URL cannot be read: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = orDefault(options.ConnectTimeout, defaultConnectTimeout)
	}
	config.RuntimeParams["timezone"] = "UTC"
	// pgx prepares every statement once per connection, so GORM need not.
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(readTimesInUTC))
	limitPool(pool, orDefault(options.MaxOpenConns, defaultServerConns), options)

	db, err := gormOver(postgres.New(postgres.Config{Conn: pool}))
	if err == nil {
		err = pool.PingContext(ctx)
	}
	if err != nil {
		_ = pool.Close() // the error that is returned says more
		return nil, problem.Unavailable.Because(err, fmt.Sprintf(
			"The PostgreSQL database %q on %s, port %d, cannot be opened.",
			config.Database, config.Host, config.Port))
	}
	return &Store{dialect: migrations.Postgres, write: db, read: db}, nil
}

func readTimesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}
