package main_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// A server is killed after one answer was stopped and while another is made. The
// next one finds out what both have cost.
func TestWhatAKilledProcessOwesIsSettled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		router := llmtest.New(t)
		var counted atomic.Bool
		router.Settle(func(generationID string) []llmtest.Step {
			costs := map[string]string{"gen-stopped": "0.00012345678901234567", "gen-killed": "2e-6"}
			if !counted.Load() || costs[generationID] == "" {
				return nil // not yet
			}
			return []llmtest.Step{llmtest.Settlement(11, 7, 2, costs[generationID])}
		})
		killed := at.start(t, openRouter(router)...)
		user := killed.register("ada")
		begin := func(generationID string) string {
			router.Script(llmtest.Header("X-Generation-Id", generationID), llmtest.Text("Half of "), llmtest.Hang())
			stream := user.ask(user.conversation().ID, "Say it all")
			messageID := stream.next().Data.MessageID
			stream.textIs("Half of ")
			return messageID
		}
		lost, stopped := begin("gen-killed"), begin("gen-stopped")
		eventually(t, "a checkpoint", func() bool { return user.message(lost).Content == "Half of " })
		user.reply(http.StatusAccepted, http.MethodPost, "/api/v1/messages/"+stopped+"/stop", nil)
		eventually(t, "the answer is stopped", func() bool { return user.message(stopped).Status == chat.StatusStopped })
		killed.kill()
		charges := at.column(t, "SELECT kind FROM charges WHERE estimated AND settle_at IS NOT NULL")
		if !slices.Equal(charges, []string{"answer"}) {
			t.Fatalf("what is owed are %q", charges)
		}

		counted.Store(true)
		server := at.start(t, append(openRouter(router), "PORT="+killed.Port)...)
		user = server.as(user)
		for messageID, want := range map[string]struct {
			status chat.Status
			cost   string
		}{
			stopped: {chat.StatusStopped, "0.00012345678901234567"},
			lost:    {chat.StatusInterrupted, "0.000002"},
		} {
			eventually(t, "the answer is settled", func() bool {
				got := user.message(messageID)
				return got.Cost != nil && *got.Cost == want.cost && !got.Estimated
			})
			if got := user.message(messageID); got.Status != want.status || got.TokensUsed != 18 || got.ReasoningTokens != 2 {
				t.Errorf("settled: %+v", got)
			}
		}
		last := at.column(t, "SELECT type FROM changes ORDER BY seq DESC LIMIT 2")
		if slices.Sort(last); !slices.Equal(last, []string{"conversation_updated", "message_updated"}) {
			t.Errorf("the feed ends with %q", last)
		}
		report := want[struct{ Total chat.UsageSum }](user, http.StatusOK, http.MethodGet, "/api/v1/usage", nil)
		if report.Total.Cost != "0.00012545678901234567" || report.Total.EstimatedCost != "0" || report.Total.Messages != 2 {
			t.Errorf("in all %+v", report.Total)
		}
		server.stop()
	})
}
