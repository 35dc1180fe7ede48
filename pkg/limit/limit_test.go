package limit_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/limit"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
)

// connect opens a client as the server does.
func connect(t testing.TB, address string) *redis.Client {
	t.Helper()
	opened, err := cache.NewRedis(address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened.Client()
}

// states are what a limiter tells of Redis.
type states struct {
	mu   sync.Mutex
	told []bool
	log  bytes.Buffer
}

func (s *states) note(shared bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, shared)
}

// Write takes the log.
func (s *states) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

func (s *states) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	for _, shared := range s.told {
		text += map[bool]string{true: "shared ", false: "alone "}[shared]
	}
	return text + strings.Repeat("log ", strings.Count(s.log.String(), "\n"))
}

func start(t testing.TB, config limit.Config) (*limit.Limiter, *states) {
	t.Helper()
	told := new(states)
	config.OnShared, config.Log = told.note, slog.New(slog.NewTextHandler(told, nil))
	l, err := limit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, told
}

// gated is a limiter whose Redis is behind a gate.
func gated(t testing.TB, config limit.Config) (l *limit.Limiter, told *states, gate *servertest.Gate, past string) {
	t.Helper()
	past = servertest.Redis(t)
	address, err := url.Parse(past)
	if err != nil {
		t.Fatal(err)
	}
	gate = servertest.NewGate(t, address.Host)
	address.Host = gate.Addr()
	config.Redis = connect(t, address.String())
	l, told = start(t, config)
	return l, told, gate, past
}

func remaining(t *testing.T, l *limit.Limiter, count auth.Count) int {
	t.Helper()
	tallies, _ := l.Take(t.Context(), count)
	return tallies[0].Remaining
}

func TestInstancesCountTogetherWhileRedisIsThere(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*servertest.Gate){
		"refuses":      (*servertest.Gate).Shut,
		"falls silent": (*servertest.Gate).FallSilent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, told, gate, past := gated(t, limit.Config{})
			there, _ := start(t, limit.Config{Redis: connect(t, past)})
			count := hourly("user", "ann", 100_000)
			count.Period = 100_000 * time.Hour
			if one, two := remaining(t, here, count), remaining(t, there, count); one != 99_999 || two != 99_998 {
				t.Fatalf("here %d are left, then there %d", one, two)
			}
			leave(gate)
			begun := time.Now()
			for want := 99_998; want > 99_990; want-- { // it goes on with what it counted
				if got := remaining(t, here, count); got != want {
					t.Fatalf("alone %d are left, want %d", got, want)
				}
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("that took %s", took)
			}
			gate.Open()
			eventually(t, "they count together", func() bool {
				return remaining(t, here, count) < 99_998 && told.String() == "shared alone shared log log "
			})
			if got := remaining(t, there, count); got > 99_997 {
				t.Errorf("there %d are left", got)
			}
		})
	}
}

func TestOutageGivesNobodyASecondQuota(t *testing.T) {
	t.Parallel()
	l, told, gate, _ := gated(t, limit.Config{})
	count, other := hourly("account", "ann", 10), hourly("user", "bob", 100_000)
	took := 0
	guess := func(times int) {
		for range times {
			if _, ok := l.Take(t.Context(), count); ok {
				took++
			}
		}
	}
	guess(4)
	gate.Shut()
	guess(3)
	gate.Open()
	eventually(t, "Redis is back", func() bool {
		l.Take(t.Context(), other)
		return strings.HasPrefix(told.String(), "shared alone shared")
	})
	guess(20)
	if took != 10 {
		t.Errorf("%d were taken, want 10", took)
	}
}

func TestLimiterWithoutRedisCountsAlone(t *testing.T) {
	t.Parallel()
	l, told := start(t, limit.Config{Generations: 1})
	if got := remaining(t, l, hourly("user", "ann", 3)); got != 2 || told.String() != "alone " {
		t.Errorf("%d are left; it tells %q", got, told)
	}
	if fresh, err := l.Enter(t.Context(), slot("ann", "1")); !fresh || err != nil {
		t.Errorf("Enter: %v, %v", fresh, err)
	}
}

func TestCallersWhoLeaveDoNotMakeRedisAway(t *testing.T) {
	t.Parallel()
	l, told := start(t, limit.Config{Redis: connect(t, servertest.Redis(t))})
	left, cancel := context.WithCancel(t.Context())
	cancel()
	l.Take(left, hourly("user", "ann", 3))
	if got := remaining(t, l, hourly("user", "ann", 3)); got != 2 || told.String() != "shared " {
		t.Errorf("%d are left; it tells %q", got, told)
	}
}

func TestWhoWasRefusedIsRememberedAtNoCost(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	l, told := start(t, limit.Config{Redis: connect(t, server.URL)})
	count := hourly("user", "ann", 1)
	count.Alias = "her token"
	if _, refused := l.Refused("user", "ann"); refused {
		t.Fatal("refused at first")
	}
	l.Take(t.Context(), count)
	l.Take(t.Context(), count)
	server.Stop()
	for range 100 {
		if tallies, ok := l.Take(t.Context(), hourly("address", "192.0.2.1", 1), count); ok || len(tallies) != 1 || tallies[0].Scope != "user" {
			t.Fatalf("Take: %+v, %v", tallies, ok)
		}
	}
	for _, of := range []string{"ann", "her token"} {
		if tally, refused := l.Refused("user", of); !refused || tally.Wait > time.Hour || tally.Wait < 59*time.Minute || tally.Quota != 1 {
			t.Errorf("Refused(%s) = %+v, %v", of, tally, refused)
		}
	}
	for _, other := range [][2]string{{"address", "ann"}, {"user", "bob"}} {
		if _, refused := l.Refused(other[0], other[1]); refused {
			t.Errorf("%v is refused", other)
		}
	}
	if told.String() != "shared " {
		t.Errorf("Redis was asked: %s", told)
	}
	l.Give(t.Context(), count)
	if _, refused := l.Refused("user", "ann"); refused {
		t.Error("refused after it was given back")
	}
}

func TestSlotsThatWereTakenInRedisCountWhenItIsAway(t *testing.T) {
	t.Parallel()
	l, told, gate, past := gated(t, limit.Config{Generations: 3, Sends: auth.Rate{Quota: 100, Period: time.Hour}})
	other, _ := start(t, limit.Config{Redis: connect(t, past), Generations: 3})
	want := func(l *limit.Limiter, name string, entered bool) {
		t.Helper()
		fresh, err := l.Enter(t.Context(), slot("ann", name))
		if fresh != entered || (err == nil) != entered || err != nil && problem.From(err).Details["scope"] != "generations" {
			t.Fatalf("Enter(%s) = %v, %v", name, fresh, err)
		}
	}
	want(l, "1", true)
	want(l, "2", true)
	gate.Shut()
	want(l, "3", true)
	want(l, "4", false)
	l.Leave(t.Context(), slot("ann", "1"))
	want(l, "5", true)
	gate.Open()
	eventually(t, "Redis is back", func() bool {
		l.Keep(t.Context(), slot("ann", "2"), slot("ann", "3"), slot("ann", "5"))
		return strings.HasPrefix(told.String(), "shared alone shared")
	})
	other.Leave(t.Context(), slot("ann", "1")) // of which Redis could not be told
	want(other, "6", false)
	want(l, "6", false)
}

func TestSendsAreCountedWithTheirSlots(t *testing.T) {
	t.Parallel()
	l, _ := start(t, limit.Config{Redis: connect(t, servertest.Redis(t)), Generations: 2, Sends: auth.Rate{Quota: 3, Period: time.Hour}})
	send := func(name, refused string) {
		t.Helper()
		_, err := l.Enter(t.Context(), slot("ann", name))
		if refused == "" && err != nil || refused != "" && problem.From(err).Details["scope"] != refused {
			t.Fatalf("Enter(%s): %v, want %q", name, err, refused)
		}
	}
	send("1", "")
	send("2", "")
	for range 10 {
		send("3", "generations") // no send is counted
	}
	for range 10 {
		send("2", "") // it came before
	}
	l.Count(t.Context(), "ann")
	l.Leave(t.Context(), slot("ann", "1"))
	send("4", "sends")
	l.Refund(t.Context(), "ann")
	send("4", "")
	l.Leave(t.Context(), slot("ann", "4"))
	send("5", "sends") // and no slot is taken
	l.Refund(t.Context(), "ann")
	send("6", "")
}

func TestRedisIsToldNobodysName(t *testing.T) {
	t.Parallel()
	address := servertest.Redis(t)
	l, _ := start(t, limit.Config{Redis: connect(t, address), Generations: 3, Sends: auth.Rate{Quota: 3, Period: time.Minute}})
	l.Take(t.Context(), hourly("login_account", "ann@example.com", 3), hourly("address", "192.0.2.1", 3))
	if _, err := l.Enter(t.Context(), chat.Slot{UserID: "ann@example.com", Name: "1"}); err != nil {
		t.Fatal(err)
	}
	client := servertest.RedisClient(t, address)
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 4 {
		t.Fatalf("keys: %q, %v", keys, err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "dreamchat:limit:") || strings.Contains(key, "ann") || strings.Contains(key, "192") {
			t.Errorf("the key %q", key)
		}
		if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("%s is kept for %s", key, ttl)
		}
	}
}
