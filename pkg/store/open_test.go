package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, url string
		want      []string
	}{
		{"no path", "sqlite:", []string{"path"}},
		{"no folder", "sqlite:" + filepath.Join(file, "x", "d.db"), []string{"folder", filepath.Join(file, "x")}},
		{"a folder", "sqlite:" + folder, []string{folder, "cannot be written"}},
		{"unknown", "mysql://user:secret@host/db", []string{`"postgres://"`, `"sqlite:"`}},
		{"unreadable", "postgres://user:secret@host:port/db", []string{"PostgreSQL URL"}},
		{"nobody there", "postgres://user:secret@127.0.0.1:1/db", []string{`"db"`, "127.0.0.1", "port 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := store.Open(t.Context(), test.url, store.Options{})
			if err == nil {
				t.Fatal("it opens")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %s: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestSQLitePathsMayHoldAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%20d#e&f", "ü.db")
	s := storetest.Open(t, "sqlite:"+path)
	if _, err := s.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// Making a new file a write-ahead log does not wait for others by itself.
func TestSeveralInstancesOpenANewFileAtOnce(t *testing.T) {
	for range 25 {
		url := "sqlite:" + filepath.Join(t.TempDir(), "dreamchat.db")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := store.Open(t.Context(), url, store.Options{})
				if err == nil {
					err = s.Close()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// everyCall asks for each method once.
func everyCall(s *store.Store, c chat.Conversation) map[string]func(context.Context) error {
	messageID := id.New()
	return map[string]func(context.Context) error{
		"Ping":               s.Ping,
		"MigrateUp":          func(ctx context.Context) error { _, err := s.MigrateUp(ctx); return err },
		"MigrationStatus":    func(ctx context.Context) error { _, err := s.MigrationStatus(ctx); return err },
		"CreateConversation": func(ctx context.Context) error { return s.CreateConversation(ctx, c) },
		"Conversation":       func(ctx context.Context) error { _, err := s.Conversation(ctx, c.UserID, c.ID); return err },
		"Conversations": func(ctx context.Context) error {
			_, _, err := s.Conversations(ctx, c.UserID, chat.ConversationQuery{Limit: 1})
			return err
		},
		"UpdateConversation": func(ctx context.Context) error {
			_, err := s.UpdateConversation(ctx, c.UserID, c.ID, chat.ConversationPatch{}, at(1))
			return err
		},
		"DeleteConversation": func(ctx context.Context) error { return s.DeleteConversation(ctx, c.UserID, c.ID, at(1)) },
		"Message":            func(ctx context.Context) error { _, err := s.Message(ctx, c.UserID, messageID); return err },
		"Messages": func(ctx context.Context) error {
			_, err := s.Messages(ctx, c.UserID, c.ID, chat.MessageQuery{Limit: 1})
			return err
		},
		"Models":      func(ctx context.Context) error { _, err := s.Models(ctx); return err },
		"BeginAnswer": func(ctx context.Context) error { _, err := s.BeginAnswer(ctx, send(c, 1)); return err },
		"History":     func(ctx context.Context) error { _, err := s.History(ctx, newestOf(c, 1, 1)); return err },
		"Checkpoint": func(ctx context.Context) error {
			_, err := s.Checkpoint(ctx, []chat.Message{{ID: messageID}}, at(1))
			return err
		},
		"FinishAnswer": func(ctx context.Context) error {
			_, err := s.FinishAnswer(ctx, 1, chat.Message{ID: messageID, ConversationID: c.ID}, chat.Charge{})
			return err
		},
		"CloseAnswer": func(ctx context.Context) error {
			answer := chat.Message{ID: messageID, ConversationID: c.ID}
			return s.CloseAnswer(ctx, answer, answer, charge(answer))
		},
		"RunningAnswers": func(ctx context.Context) error { _, err := s.RunningAnswers(ctx, "", 1); return err },
		"RequestStop":    func(ctx context.Context) error { _, err := s.RequestStop(ctx, c.UserID, messageID); return err },
		"RequestStops":   func(ctx context.Context) error { _, err := s.RequestStops(ctx, c.UserID); return err },
		"StopRequests":   func(ctx context.Context) error { _, err := s.StopRequests(ctx, "me", 1); return err },
		"Changes":        func(ctx context.Context) error { _, err := s.Changes(ctx, c.UserID, 0, 1); return err },
		"NewestChange":   func(ctx context.Context) error { _, err := s.NewestChange(ctx, c.UserID); return err },
		"PruneChanges":   func(ctx context.Context) error { _, err := s.PruneChanges(ctx, at(1), 1); return err },
		"Usage": func(ctx context.Context) error {
			_, err := s.Usage(ctx, c.UserID, chat.UsageQuery{GroupBy: chat.UsageByDay})
			return err
		},
		"SigningKeys":       func(ctx context.Context) error { _, err := s.SigningKeys(ctx); return err },
		"ChangeSigningKeys": func(ctx context.Context) error { return storeSigningKeys(ctx, s, signingKey(1, 0)) },
		"PruneSigningKeys":  func(ctx context.Context) error { return s.PruneSigningKeys(ctx, at(1)) },
		"Account":           func(ctx context.Context) error { _, err := s.Account(ctx, c.UserID); return err },
		"AccountsAfter": func(ctx context.Context) error {
			_, err := s.AccountsAfter(ctx, auth.AccountQuery{Limit: 1})
			return err
		},
		"ChangeAccount":    func(ctx context.Context) error { _, err := s.ChangeAccount(ctx, auth.AccountChange{}); return err },
		"BeginDeletion":    func(ctx context.Context) error { return s.BeginDeletion(ctx, c.UserID, at(1)) },
		"Deletions":        func(ctx context.Context) error { _, err := s.Deletions(ctx, 1); return err },
		"RunningOf":        func(ctx context.Context) error { _, err := s.RunningOf(ctx, c.UserID); return err },
		"MessagesOf":       func(ctx context.Context) error { _, err := s.MessagesOf(ctx, c.UserID, 1); return err },
		"DeleteMessages":   func(ctx context.Context) error { return s.DeleteMessages(ctx, c.UserID, []string{messageID}) },
		"DeleteBelongings": func(ctx context.Context) error { _, err := s.DeleteBelongings(ctx, c.UserID, 1); return err },
		"DeleteAccount":    func(ctx context.Context) error { return s.DeleteAccount(ctx, c.UserID) },
		"CreateUser":       func(ctx context.Context) error { return s.CreateUser(ctx, newUser("a@b.c", "a")) },
		"User":             func(ctx context.Context) error { _, err := s.User(ctx, c.UserID); return err },
		"UserByLogin":      func(ctx context.Context) error { _, err := s.UserByLogin(ctx, "a"); return err },
		"OpenDevice": func(ctx context.Context) error {
			_, err := s.OpenDevice(ctx, opening(c.UserID, "h", 1))
			return err
		},
		"Devices":     func(ctx context.Context) error { _, err := s.Devices(ctx, c.UserID, at(1), 1); return err },
		"EndDevice":   func(ctx context.Context) error { return s.EndDevice(ctx, c.UserID, id.New(), at(1)) },
		"EndDeviceOf": func(ctx context.Context) error { _, err := s.EndDeviceOf(ctx, "h", at(1)); return err },
		"RefreshToken": func(ctx context.Context) error {
			_, err := s.RefreshToken(ctx, "h")
			return err
		},
		"RotateRefreshToken": func(ctx context.Context) error {
			token := newToken(c.UserID, id.New(), "h", 1)
			_, _, err := s.RotateRefreshToken(ctx, auth.Rotation{Used: token, Next: token})
			return err
		},
		"ReplacePassword": func(ctx context.Context) error {
			return s.ReplacePassword(ctx, auth.PasswordChange{UserID: c.UserID, Old: passwordHash, New: passwordHash})
		},
		"PruneDevices": func(ctx context.Context) error { _, err := s.PruneDevices(ctx, at(1), 1); return err },
		"EraseAnswers": func(ctx context.Context) error { _, err := s.EraseAnswers(ctx, at(1), 1); return err },
		"CreateAPIKey": func(ctx context.Context) error { return s.CreateAPIKey(ctx, newAPIKey(c.UserID, "h", 1), 1) },
		"APIKeys":      func(ctx context.Context) error { _, err := s.APIKeys(ctx, c.UserID); return err },
		"DeleteAPIKey": func(ctx context.Context) error { return s.DeleteAPIKey(ctx, c.UserID, id.New()) },
		"APIKeyByHash": func(ctx context.Context) error { _, err := s.APIKeyByHash(ctx, "h"); return err },
		"TouchAPIKey":  func(ctx context.Context) error { return s.TouchAPIKey(ctx, id.New(), at(1), at(0)) },
	}
}

func TestServerThatIsAwayIsUnavailable(t *testing.T) {
	server := servertest.StartPostgres(t)
	s := storetest.Open(t, server.URL)
	if _, err := s.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := newConversation(t, s)
	server.Stop()
	for name, call := range everyCall(s, c) {
		t.Run(name, func(t *testing.T) { wantKind(t, call(t.Context()), problem.Unavailable) })
	}
	server.Start()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the server is back: %v", err)
	}
	exchange(t, s, c, 1)
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for name, call := range everyCall(s, c) {
			t.Run(name, func(t *testing.T) { wantKind(t, call(t.Context()), problem.Unavailable) })
		}
	})
}

func TestDoneContextGivesItsCause(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		why := errors.New("the reader left")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		for name, call := range everyCall(s, c) {
			t.Run(name, func(t *testing.T) {
				if err := call(ctx); !errors.Is(err, why) {
					t.Errorf("the error is %v", err)
				}
			})
		}
	})
}

func TestDatabaseThatTakesTooLongIsUnavailable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		for name, call := range everyCall(s, c) {
			t.Run(name, func(t *testing.T) { wantKind(t, call(ctx), problem.Unavailable) })
		}
	})
}
