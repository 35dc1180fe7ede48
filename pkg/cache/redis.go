package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is a Store that every instance shares. While the server is away calls
// fail at once, save one each second that looks whether it is back.
type Redis struct {
	client  *redis.Client
	breaker breaker
}

// prefix keeps our keys apart from those of others in the same database.
const prefix = "dreamchat:"

// What a request pays at most when the server is silent. The URL may say
// otherwise, with dial_timeout, read_timeout, write_timeout and pool_timeout.
const (
	dialTimeout = 500 * time.Millisecond
	waitTimeout = 300 * time.Millisecond
)

var errURL = errors.New("the Redis URL cannot be read: want redis://user:password@host:6379/0 " +
	"(or rediss:// for TLS, or unix:///path), with reserved characters of the password percent-encoded")

// NewRedis returns a Redis for a URL as redis.ParseURL takes it; errors never
// show the URL, which may hold a password. It does not connect yet, and it must
// be closed. What the driver itself has to say goes to the log at debug level,
// for the whole process: the driver has one logger.
func NewRedis(url string, log *slog.Logger) (*Redis, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errURL
	}
	setDefault(&options.DialTimeout, dialTimeout)
	setDefault(&options.ReadTimeout, waitTimeout)
	setDefault(&options.WriteTimeout, waitTimeout)
	setDefault(&options.PoolTimeout, waitTimeout)
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	// A Set that is repeated after a timeout could bring an old value back.
	options.MaxRetries = -1
	options.PipelinePoolSize = -1
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	redis.SetLogger(driverLog{log})
	return &Redis{client: redis.NewClient(options)}, nil
}

func setDefault(timeout *time.Duration, to time.Duration) {
	if *timeout == 0 {
		*timeout = to
	}
}

// Get returns the values that are there, by one MGET.
func (r *Redis) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = prefix + key
	}
	var found []any
	err := r.breaker.call(func() (err error) {
		found, err = r.client.MGet(ctx, names...).Result()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cache: get from Redis: %w", err)
	}
	values := make([][]byte, len(keys))
	for i, value := range found {
		if text, ok := value.(string); ok {
			values[i] = []byte(text)
		}
	}
	return values, nil
}

// Set keeps a value.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkSet(value, ttl); err != nil {
		return err
	}
	err := r.breaker.call(func() error { return r.client.Set(ctx, prefix+key, value, ttl).Err() })
	if err != nil {
		return fmt.Errorf("cache: set in Redis: %w", err)
	}
	return nil
}

// Claim keeps a value where there is none, and reads what stands, in one round trip.
func (r *Redis) Claim(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, error) {
	if err := checkSet(value, ttl); err != nil {
		return nil, err
	}
	var stands *redis.StringCmd
	err := r.breaker.call(func() error {
		_, err := r.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.SetNX(ctx, prefix+key, value, ttl)
			stands = pipe.Get(ctx, prefix+key)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cache: claim in Redis: %w", err)
	}
	return stands.Bytes()
}

// Ping tells whether the server answers.
func (r *Redis) Ping(ctx context.Context) error {
	err := r.breaker.call(func() error { return r.client.Ping(ctx).Err() })
	if err != nil {
		return fmt.Errorf("cache: ping Redis: %w", err)
	}
	return nil
}

// Client is the pool of connections, for others who speak to the same server.
// They must not close it.
func (r *Redis) Client() *redis.Client { return r.client }

// Close closes the connections. Calls fail from then on.
func (r *Redis) Close() error { return r.client.Close() }

type driverLog struct{ log *slog.Logger }

func (d driverLog) Printf(ctx context.Context, format string, args ...any) {
	if d.log.Enabled(ctx, slog.LevelDebug) {
		d.log.DebugContext(ctx, "redis driver", slog.String("text", fmt.Sprintf(format, args...)))
	}
}
