package api_test

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// soon polls until something holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// settling answers GET /generation, each time with the next of the steps and then
// always with the last, and counts for which generations it was asked.
type settling struct {
	mu    sync.Mutex
	asked map[string]int
	steps []llmtest.Step
}

func settle(s *apitest.Service, steps ...llmtest.Step) *settling {
	asked := &settling{asked: make(map[string]int), steps: steps}
	s.Router.Settle(asked.tell)
	return asked
}

func (s *settling) tell(generationID string) []llmtest.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := s.steps[min(s.asked[generationID], len(s.steps)-1)]
	s.asked[generationID]++
	return []llmtest.Step{step}
}

// hold answers nothing until it is released.
func hold(s *apitest.Service) (release func()) {
	until := make(chan struct{})
	s.Router.Settle(func(string) []llmtest.Step { return []llmtest.Step{llmtest.Wait(until), notYet()} })
	return func() { close(until) }
}

// times is how often it was asked, by generation.
func (s *settling) times() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

func notYet() llmtest.Step {
	return llmtest.ErrorStatus(http.StatusNotFound, "Generation not found", "")
}

// stopped asks a question and stops the answer behind its first word.
func stopped(t *testing.T, s *apitest.Service, user *apitest.User, conversationID, generationID string) chat.Message {
	t.Helper()
	s.Router.Script(llmtest.Header("X-Generation-Id", generationID), llmtest.Text("Hello"), llmtest.Hang())
	stream := user.Send(t.Context(), conversationID, "Hi")
	ack, _ := stream.Next()
	stream.Next()
	answerID := ack.Data["messageId"].(string)
	user.Post("/api/v1/messages/"+answerID+"/stop", nil).Status(http.StatusAccepted)
	if last := stream.Last(); last.Data["finishReason"] != "stopped" || last.Data["estimated"] != true || last.Data["cost"] != "0.00000135" {
		t.Errorf("the stream ends with %+v", last)
	}
	return stored(user, answerID)
}

func TestAStoppedAnswerIsSettled(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		follower := changes(t, user)
		release := hold(s)
		before := stopped(t, s, user, conversation.ID, "gen-1")
		if got := costOf(&before); got != (cost{chat.StatusStopped, 1, 2, 0, "0.00000135", true}) {
			t.Errorf("before: %+v", got)
		}
		if report := usage(user, ""); report.Total.Cost != "0.00000135" || report.Total.EstimatedCost != "0.00000135" {
			t.Errorf("before: %+v", report.Total)
		}
		for next(t, follower, 1)[0].Name != "generation_finished" {
		}
		next(t, follower, 1) // conversation_updated

		// A cost with more digits than a float holds, and not at once.
		asked := settle(s, notYet(), notYet(), llmtest.Settlement(9, 20, 5, "1.234567890123456789e-5"))
		release()
		told := next(t, follower, 2)
		if told[0].Name != "message_updated" || told[0].Data["messageId"] != before.ID || told[1].Name != "conversation_updated" {
			t.Errorf("the feed tells %+v", told)
		}
		after := stored(user, before.ID)
		if got := costOf(&after); got != (cost{chat.StatusStopped, 9, 20, 5, "0.00001234567890123456789", false}) || after.TokensUsed != 29 {
			t.Errorf("after: %+v", after)
		}
		if times := asked.times()["gen-1"]; times != 3 {
			t.Errorf("asked %d times", times)
		}
		want := chat.UsageSum{
			Messages: 1, PromptTokens: 9, CompletionTokens: 20, ReasoningTokens: 5, TokensUsed: 29,
			Cost: "0.00001234567890123456789", EstimatedCost: "0",
		}
		if report := usage(user, ""); report.Total != want {
			t.Errorf("the usage is %+v", report.Total)
		}
		list := user.Get("/api/v1/conversations").Status(http.StatusOK)
		page := apitest.Decode[chat.ConversationPage](list)
		if got := page.Data[0]; got.TotalTokens != 29 || !got.UpdatedAt.Equal(before.UpdatedAt) {
			t.Errorf("the conversation is %+v", got)
		}
		stream := user.Stream(t.Context(), http.MethodGet, "/api/v1/messages/"+before.ID+"/events", nil)
		if last := stream.Last(); last.Data["cost"] != "0.00001234567890123456789" || last.Data["estimated"] != false {
			t.Errorf("the stream ends with %+v now", last)
		}
	})
}

func TestWhateverLacksItsCostIsSettled(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	settle(s, llmtest.Settlement(9, 20, 5, "0.5"))
	user := s.User()
	for name, script := range map[string][]llmtest.Step{
		"broken off":  {llmtest.Text("Hello"), llmtest.Cut()},
		"uncounted":   {llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Done()},
		"no cost":     {llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(7, 8, 3, ""), llmtest.Done()},
		"before text": {llmtest.Comment("PROCESSING"), llmtest.ErrorChunk("502", "Oh no.")},
	} {
		t.Run(name, func(t *testing.T) {
			user := user.In(t)
			s.Router.Script(script...)
			stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
			ack, _ := stream.Next()
			stream.Last()
			soon(t, "it is settled", func() bool {
				message := stored(user, ack.Data["messageId"].(string))
				return message.Cost != nil && *message.Cost == "0.5" && !message.Estimated && message.TokensUsed == 29
			})
		})
	}
	// Nothing is asked for what is told, nor for what has no name.
	told := settle(s, llmtest.Settlement(1, 1, 1, "9"))
	spend(s, user, user.Conversation().ID, 7, 8, "0.25")
	s.Router.Script(llmtest.ErrorStatus(http.StatusInternalServerError, "Oh no.", ""))
	user.Send(t.Context(), user.Conversation().ID, "Hi").Last()
	stopped(t, s, user, user.Conversation().ID, "gen-last")
	soon(t, "the last is settled", func() bool { return told.times()["gen-last"] > 0 })
	if times := told.times(); len(times) != 1 {
		t.Errorf("asked for %v", times)
	}
}

func TestATitleIsSettled(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	settle(s, llmtest.Settlement(9, 20, 5, "0.5"))
	s.Router.ScriptTitle(llmtest.Text("A title"), llmtest.Finish("stop"), llmtest.Done())
	user := s.User()
	untitled := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations", map[string]any{}).Status(http.StatusCreated))
	spend(s, user, untitled.ID, 7, 8, "0.25")
	soon(t, "the title is settled", func() bool {
		titles := usage(user, "").Titles
		return titles.Cost == "0.5" && titles.EstimatedCost == "0" && titles.TokensUsed == 29
	})
	if got := usage(user, "").Total.Cost; got != "0.25" {
		t.Errorf("the answers took %s", got)
	}
}

func TestASettlementThatFailsIsTriedAgainAndThenGivenUp(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		outage := llmtest.ErrorStatus(http.StatusInternalServerError, "Oh no.", "")
		asked := settle(s, outage, llmtest.Cut(), llmtest.Reply(http.StatusOK, "text/html", "<html>"), notYet(), llmtest.Settlement(9, 20, 5, "0.5"))
		user := s.User()
		answer := stopped(t, s, user, user.Conversation().ID, "gen-1")
		soon(t, "it is settled", func() bool { return !stored(user, answer.ID).Estimated })
		if times := asked.times()["gen-1"]; times != 5 {
			t.Errorf("asked %d times", times)
		}

		asked = settle(s, notYet())
		lost := stopped(t, s, user, user.Conversation().ID, "gen-2")
		soon(t, "it is given up", func() bool { return !isDue(t, db, lost.ID) })
		if times := asked.times()["gen-2"]; times != tries {
			t.Errorf("asked %d times", times)
		}
		if got := stored(user, lost.ID); costOf(&got) != costOf(&lost) || !got.Estimated {
			t.Errorf("what is left is %+v", got)
		}
	})
}

// tries is how often a service of apitest asks.
const tries = 10

// isDue tells whether the charge of an answer is still to be settled.
func isDue(t *testing.T, db *sql.DB, answerID string) bool {
	t.Helper()
	var n int
	err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM charges WHERE id = '`+answerID+`' AND settle_at IS NOT NULL`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestTwoInstancesSettleOnce(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	user := here.User()
	releases := []func(){hold(here), hold(there)}
	const answers = 12
	var all [answers]chat.Message
	for i := range all {
		all[i] = stopped(t, here, user, user.Conversation().ID, fmt.Sprint("gen-", i))
	}
	asked := settle(here, llmtest.Settlement(9, 20, 5, "0.5"))
	there.Router.Settle(asked.tell)
	for _, release := range releases {
		release()
	}
	for _, answer := range all {
		soon(t, "an answer is settled", func() bool { return !stored(user, answer.ID).Estimated })
	}
	for generation, times := range asked.times() {
		if times != 1 {
			t.Errorf("%s was asked for %d times", generation, times)
		}
	}
	told := make(map[string]int)
	stored, err := here.Store.Changes(t.Context(), user.Session.User.ID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range stored {
		if change.Type == chat.MessageUpdated {
			told[change.MessageID]++
		}
	}
	for _, answer := range all {
		if told[answer.ID] != 2 { // its end, and what it cost
			t.Errorf("an answer was updated %d times", told[answer.ID])
		}
	}
	if got := usage(user, "").Total.Cost; got != "6" {
		t.Errorf("in all %s", got)
	}
}
