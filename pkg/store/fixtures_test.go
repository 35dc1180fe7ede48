package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// at counts seconds from a time that has more digits than are stored, and
// another zone.
func at(seconds int) time.Time {
	return time.Date(2025, 3, 1, 12, 0, seconds, 123456789, time.FixedZone("CET", 3600))
}

func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// newConversation stores an empty conversation that a new user owns.
func newConversation(t testing.TB, s *store.Store) chat.Conversation {
	t.Helper()
	return conversationOf(t, s, storetest.User(t, s, "user-"+id.New()).ID, "Title", at(0))
}

func conversationOf(t testing.TB, s *store.Store, userID, title string, updated time.Time) chat.Conversation {
	t.Helper()
	c := chat.Conversation{
		ID: id.New(), UserID: userID, Title: title, ModelID: chat.DemoModelID,
		CreatedAt: stored(at(0)), UpdatedAt: stored(updated),
	}
	if err := s.CreateConversation(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// send is a question and its answer to be made.
func send(c chat.Conversation, seconds int) chat.Beginning {
	now := at(seconds)
	question := chat.Message{
		ID: id.New(), Role: chat.RoleUser, Content: "question", Status: chat.StatusComplete,
		CreatedAt: now, UpdatedAt: now,
	}
	return chat.Beginning{
		UserID: c.UserID, ConversationID: c.ID, Question: &question,
		Answer: chat.Message{
			ID: id.New(), Role: chat.RoleAssistant, Status: chat.StatusStreaming, Attempt: 1,
			ModelID: chat.DemoModelID, Owner: "here", CreatedAt: now, UpdatedAt: now,
		},
	}
}

// again is a further answer to the question of one that stands.
func again(c chat.Conversation, previous chat.Message, seconds int) chat.Beginning {
	b := send(c, seconds)
	b.Question = nil
	b.Answer.Replaces, b.Answer.QuestionID = previous.ID, previous.QuestionID
	return b
}

func begin(t testing.TB, s *store.Store, b chat.Beginning) chat.Begun {
	t.Helper()
	begun, err := s.BeginAnswer(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return begun
}

func finish(t testing.TB, s *store.Store, answer chat.Message, status chat.Status, content string) chat.Conversation {
	t.Helper()
	answer.Status, answer.Content = status, content
	c, err := s.FinishAnswer(t.Context(), answer.Attempt, answer, charge(answer))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// charge is what an answer cost that is finished like this.
func charge(answer chat.Message) chat.Charge {
	return chat.Charge{
		ID: answer.ID, Kind: chat.ChargeAnswer, ConversationID: answer.ConversationID, MessageID: answer.ID,
		Provider: "demo", ModelID: answer.ModelID, GenerationID: answer.GenerationID,
		PromptTokens: answer.PromptTokens, CompletionTokens: answer.CompletionTokens,
		ReasoningTokens: answer.ReasoningTokens, TokensUsed: answer.TokensUsed,
		Cost: answer.Cost, Estimated: answer.Estimated, State: chat.ChargeClosed,
		CreatedAt: answer.CreatedAt, UpdatedAt: answer.UpdatedAt,
	}
}

// exchange stores a whole question and answer.
func exchange(t testing.TB, s *store.Store, c chat.Conversation, seconds int) chat.Begun {
	t.Helper()
	begun := begin(t, s, send(c, seconds))
	begun.Conversation = finish(t, s, begun.Answer, chat.StatusComplete, "answer")
	return begun
}

func message(t testing.TB, s *store.Store, c chat.Conversation, messageID string) chat.Message {
	t.Helper()
	m, err := s.Message(t.Context(), c.UserID, messageID)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newestOf asks for the newest messages of a conversation, however long they are.
func newestOf(c chat.Conversation, before int64, limit int) chat.HistoryQuery {
	return chat.HistoryQuery{ConversationID: c.ID, Before: before, Messages: limit, Bytes: 1 << 20}
}

func page(t testing.TB, s *store.Store, c chat.Conversation, query chat.MessageQuery) []chat.Message {
	t.Helper()
	messages, err := s.Messages(t.Context(), c.UserID, c.ID, query)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// checkCount compares the counter with what stands.
func checkCount(t testing.TB, s *store.Store, c chat.Conversation) {
	t.Helper()
	now, err := s.Conversation(t.Context(), c.UserID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if standing := page(t, s, c, chat.MessageQuery{Limit: 100}); now.MessageCount != len(standing) {
		t.Errorf("MessageCount is %d, but %d messages stand", now.MessageCount, len(standing))
	}
}

func wantKind(t testing.TB, err error, kind problem.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("the error is %v, want %s", err, kind.Code())
	}
}

func wantEqual(t testing.TB, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func ids(messages []chat.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.ID)
	}
	return all
}
