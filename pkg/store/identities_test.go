package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

const someIssuer = "https://auth.example"

// external is somebody as a token tells of them.
func external(subject string) auth.User {
	return auth.User{
		ID: id.New(), Issuer: someIssuer, Subject: subject,
		Email: "eve@example.com", Username: "eve", Role: auth.RoleUser, CreatedAt: stored(at(0)), UpdatedAt: stored(at(0)),
	}
}

func identify(t testing.TB, s *store.Store, user auth.User, told time.Time) (auth.User, bool) {
	t.Helper()
	found, changed, err := s.Identify(t.Context(), user, told)
	if err != nil {
		t.Fatal(err)
	}
	return found, changed
}

func TestIdentityIsOneAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		first := external("7")
		found, changed := identify(t, s, first, at(0))
		wantEqual(t, found, first)
		if changed {
			t.Error("a new account was changed")
		}
		again, _ := identify(t, s, external("7"), at(1))
		wantEqual(t, again, first)
		read, err := s.User(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, read, first)

		longer, elsewhere := external("77"), external("7")
		elsewhere.Issuer += "/"
		for _, other := range []auth.User{longer, elsewhere, external("7 "), external(strings.Repeat("7", 255)), external("É")} {
			if found, _ := identify(t, s, other, at(0)); found.ID != other.ID {
				t.Errorf("%s of %s is the account of %s", other.Subject, other.Issuer, found.Subject)
			}
		}
		if found, _ := identify(t, s, external("é"), at(0)); found.Subject != "é" {
			t.Errorf("subjects that differ in case are one: %+v", found)
		}
	})
}

func TestFirstSightsAtOnceMakeOneAccount(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			where := url(t)
			instances := []*store.Store{storetest.Open(t, where), storetest.Open(t, where)}
			for round := range 5 {
				subject := "subject " + id.New()
				var ids sync.Map
				var callers sync.WaitGroup
				for caller := range 50 {
					callers.Go(func() {
						found, _, err := instances[caller%2].Identify(t.Context(), external(subject), at(caller))
						if err != nil {
							t.Error(err)
						}
						ids.Store(found.ID, true)
					})
				}
				callers.Wait()
				count := 0
				ids.Range(func(any, any) bool { count++; return true })
				if count != 1 {
					t.Errorf("round %d made %d accounts", round, count)
				}
			}
		})
	}
}

func TestIdentityFollowsWhatWasToldLast(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		first, _ := identify(t, s, external("7"), at(10))
		said := external("7")
		said.Email, said.Username, said.Role, said.UpdatedAt = "eva@example.com", "eva", auth.RoleAdmin, stored(at(20))

		for _, late := range []int{9, 10} {
			found, changed := identify(t, s, said, at(late))
			wantEqual(t, found, first)
			if changed {
				t.Error("what was told before counts")
			}
		}
		found, changed := identify(t, s, said, at(11))
		said.ID, said.CreatedAt = first.ID, first.CreatedAt
		wantEqual(t, found, said)
		if !changed {
			t.Error("the change is not told")
		}
		if _, changed := identify(t, s, said, at(12)); changed {
			t.Error("the same once more is a change")
		}
	})
}

func TestIdentityIsNoAccountOfOurOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ours := newUser("eve@example.com", "eve")
		ours.CreatedAt, ours.UpdatedAt = stored(ours.CreatedAt), stored(ours.UpdatedAt)
		theirs, _ := identify(t, s, external("7"), at(0))
		for _, login := range []string{"eve", "eve@example.com", "EXTERNAL " + someIssuer + " 7", someIssuer, "7", ""} {
			_, err := s.UserByLogin(t.Context(), login)
			wantKind(t, err, problem.NotFound)
		}
		if err := s.CreateUser(t.Context(), ours); err != nil {
			t.Fatalf("the address of another issuer's account is taken: %v", err)
		}
		for _, login := range []string{"eve", "eve@example.com"} {
			found, err := s.UserByLogin(t.Context(), login)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, found, ours)
		}
		if again, _ := identify(t, s, external("7"), at(1)); again.ID != theirs.ID {
			t.Errorf("the identity moved from %s to %s", theirs.ID, again.ID)
		}
		for _, part := range []string{"EVE@ex", "eve"} {
			listed, err := s.AccountsAfter(t.Context(), auth.AccountQuery{Search: part, Limit: 10})
			if err != nil || len(listed) != 2 || listed[0].Email != "eve@example.com" || listed[1].Email != "eve@example.com" {
				t.Errorf("%s finds %+v, %v", part, listed, err)
			}
		}
	})
}

func TestIdentitiesSurviveTheirMigration(t *testing.T) {
	const identities = 15
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		ours := newUser("Ada@Example.com", "Ada")
		if err := s.CreateUser(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
		theirs, _ := identify(t, s, external("a subject: with | spaces "), at(0))
		talks := map[string]string{}
		for _, user := range []auth.User{ours, theirs} {
			talk := conversationOf(t, s, user.ID, "Title", at(0))
			exchange(t, s, talk, 1)
			talks[user.ID] = talk.ID
		}
		for taken := int64(0); taken != identities; {
			migration, err := s.MigrateDown(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			taken = migration.Version
		}
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		for userID, talkID := range talks {
			talk, err := s.Conversation(t.Context(), userID, talkID)
			if err != nil || talk.MessageCount != 2 {
				t.Errorf("the conversation is %+v, %v", talk, err)
			}
		}
		for _, login := range []string{"ada", "ada@example.com"} {
			found, err := s.UserByLogin(t.Context(), login)
			if err != nil || found.ID != ours.ID || found.Email != "ada@example.com" || found.Username != "Ada" || found.Issuer != "" {
				t.Errorf("%s is %+v, %v", login, found, err)
			}
		}
		again, _ := identify(t, s, external("a subject: with | spaces "), at(1))
		if again.ID != theirs.ID || again.Email != theirs.Email || again.CreatedAt != theirs.CreatedAt {
			t.Errorf("the identity is %+v, was %+v", again, theirs)
		}
	})
}
