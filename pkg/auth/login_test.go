package auth_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// stored gives an account whose password is stored like this.
func stored(t *testing.T, accounts *auth.Accounts, name, hash string) auth.User {
	t.Helper()
	created := time.Now().UTC().Truncate(time.Microsecond)
	user := auth.User{
		ID: id.New(), Email: name + "@example.com", Username: name, Role: auth.RoleUser,
		PasswordHash: hash, CreatedAt: created, UpdatedAt: created,
	}
	if err := accounts.Store.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	return user
}

func hashAt(t *testing.T, accounts *auth.Accounts, userID string) string {
	t.Helper()
	user, err := accounts.User(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return user.PasswordHash
}

func TestLoginHashesAnOldPasswordAnew(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		for name, hash := range map[string]string{"dear": vectors[0], "cheap": vectors[1]} {
			user := stored(t, accounts, name, hash)
			if _, err := accounts.Login(t.Context(), name, "wrong", client); !errors.Is(err, problem.InvalidCredentials) {
				t.Errorf("%s: a wrong password: %v", name, err)
			}
			if hashAt(t, accounts, user.ID) != hash {
				t.Errorf("%s: a wrong password was stored", name)
			}
			var fresh string
			for try := range 2 {
				session, err := accounts.Login(t.Context(), name, "password", client)
				if err != nil {
					t.Fatal(err)
				}
				checkAccess(t, accounts, session)
				now := hashAt(t, accounts, user.ID)
				if !strings.HasPrefix(now, "$argon2id$v=19$m=19456,t=2,p=1$") || try > 0 && now != fresh {
					t.Errorf("%s: after login %d the hash is %s", name, try+1, now)
				}
				fresh = now
			}
		}
	})
}

// checkAccess wants an access token to be of a session that is open.
func checkAccess(t *testing.T, accounts *auth.Accounts, session auth.Session) {
	t.Helper()
	caller, err := accounts.Tokens.Verify(t.Context(), session.AccessToken)
	if err == nil {
		_, err = accounts.Standing.Check(t.Context(), caller)
	}
	if err != nil {
		t.Errorf("the access token: %v", err)
	}
}

// frozen is a store in which no password can be replaced.
type frozen struct{ auth.Store }

func (frozen) ReplacePassword(context.Context, auth.PasswordChange) error {
	return problem.Unavailable.New("frozen")
}

func TestLoginSucceedsThoughItCannotHashAnew(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		user := stored(t, accounts, "ann", vectors[1])
		accounts.Store = frozen{accounts.Store}
		session, err := accounts.Login(t.Context(), "ann", "password", client)
		if err != nil {
			t.Fatal(err)
		}
		checkAccess(t, accounts, session)
		if hashAt(t, accounts, user.ID) != vectors[1] {
			t.Error("the password was replaced")
		}
	})
}

func TestLoginsAtOnceMayAllHashAnew(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		stored(t, accounts, "ann", vectors[1])
		var logins sync.WaitGroup
		for range 10 {
			logins.Go(func() {
				session, err := accounts.Login(t.Context(), "ann", "password", client)
				if err != nil {
					t.Error(err)
					return
				}
				checkAccess(t, accounts, session)
			})
		}
		logins.Wait()
	})
}

// overtaken is a store in which another password is set before a session opens.
type overtaken struct {
	auth.Store

	by func()
}

func (o overtaken) OpenDevice(ctx context.Context, opening auth.Opening) (bool, error) {
	o.by()
	return o.Store.OpenDevice(ctx, opening)
}

func TestLoginWithAPasswordThatIsBeingChangedOpensNothing(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		session := register(t, accounts, "ann")
		store := accounts.Store
		accounts.Store = overtaken{Store: store, by: sync.OnceFunc(func() {
			if err := accounts.ChangePassword(t.Context(), session.User.ID, "", password, "another password", auth.Client{}); err != nil {
				t.Error(err)
			}
		})}
		if _, err := accounts.Login(t.Context(), "ann", password, client); !errors.Is(err, problem.InvalidCredentials) {
			t.Errorf("Login: %v, want %v", err, problem.InvalidCredentials)
		}
		if devices, err := accounts.Devices(t.Context(), session.User.ID); err != nil || len(devices) != 0 {
			t.Errorf("these sessions are open: %+v, %v", devices, err)
		}
	})
}

func TestNoAccountIsToldByTheWorkOfALogin(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		register(t, accounts, "current")
		stored(t, accounts, "older", vectors[1])
		stored(t, accounts, "without", "")
		accounts.Passwords = auth.NewPasswords(1)
		watched := accounts.Passwords.Watch()
		for _, login := range []string{"current", "older", "without", "unknown", "null\x00"} {
			before := watched.Work.Load()
			if _, err := accounts.Login(t.Context(), login, "wrong password", client); !errors.Is(err, problem.InvalidCredentials) {
				t.Errorf("%q: %v", login, err)
			}
			if work := watched.Work.Load() - before; work != 2*19<<10 {
				t.Errorf("%q: work of %d", login, work)
			}
		}
	})
}

func TestLoginsAtOnceTakeNoMoreThanTheirShare(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		register(t, accounts, "ann")
		most := max(runtime.GOMAXPROCS(0)/2, 1)
		accounts.Passwords = auth.NewPasswords(0)
		watched := accounts.Passwords.Watch()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var in atomic.Int32
		var logins sync.WaitGroup
		for range 200 {
			logins.Go(func() {
				_, err := accounts.Login(ctx, "ann", password, client)
				if err == nil {
					in.Add(1)
				} else if found := problem.From(err); found.Kind != problem.Unavailable {
					t.Errorf("Login: %v", err)
				}
			})
		}
		logins.Wait()
		if got := int(watched.Most.Load()); got > most || in.Load() == 0 {
			t.Errorf("%d of 200 came in, and up to %d passwords were hashed at the same time, want at most %d", in.Load(), got, most)
		}
	})
}
