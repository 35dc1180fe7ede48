package store_test

import (
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func newUser(email, username string) auth.User {
	return auth.User{
		ID: id.New(), Email: email, Username: username, Role: auth.RoleAdmin,
		PasswordHash: "$argon2id$", CreatedAt: at(1), UpdatedAt: at(2),
	}
}

func TestUserIsFoundInAnyCase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := newUser("Änne@Example.com", "ÄnneK")
		if err := s.CreateUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		user.Email = "änne@example.com"
		user.CreatedAt, user.UpdatedAt = stored(user.CreatedAt), stored(user.UpdatedAt)
		got, err := s.User(t.Context(), user.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, user)
		for _, login := range []string{"änne@example.com", "ÄNNE@EXAMPLE.COM", "ÄnneK", "ännek", "ÄNNEK"} {
			got, err := s.UserByLogin(t.Context(), login)
			if err != nil {
				t.Fatalf("%s: %v", login, err)
			}
			wantEqual(t, got, user)
		}
	})
}

func TestUnknownUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := s.User(t.Context(), "nobody")
		wantKind(t, err, problem.NotFound)
		_, err = s.UserByLogin(t.Context(), "")
		wantKind(t, err, problem.NotFound)
	})
}

func TestTakenNamesAreTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, user := range []auth.User{newUser("ada@example.com", "ada"), newUser("bob@example.com", "bob")} {
			if err := s.CreateUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			name string
			user auth.User
			want []string
		}{
			{"address", newUser("ADA@example.com", "new"), []string{"/email"}},
			{"name", newUser("new@example.com", "ADA"), []string{"/username"}},
			{"both of one", newUser("ada@example.com", "Ada"), []string{"/email", "/username"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				err := s.CreateUser(t.Context(), test.user)
				wantKind(t, err, problem.AlreadyExists)
				var pointers []string
				for _, field := range problem.From(err).Fields {
					pointers = append(pointers, field.Pointer)
				}
				wantEqual(t, pointers, test.want)
			})
		}
		err := s.CreateUser(t.Context(), newUser("ada@example.com", "BOB"))
		if fields := problem.From(err).Fields; len(fields) != 2 {
			t.Errorf("taken from two: %v", err)
		}
	})
}

func TestAddressComesBeforeName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		thief, owner := newUser("eve@example.com", "ada@example.com"), newUser("ada@example.com", "ada")
		for _, user := range []auth.User{thief, owner} {
			if err := s.CreateUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.UserByLogin(t.Context(), "ada@example.com")
		if err != nil || got.ID != owner.ID {
			t.Errorf("the login finds %+v, %v", got, err)
		}
	})
}
