package api_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// The most that "Hi" costs with a short answer, by the prices of the model: 2 bytes
// and twice 16 tokens at 0.00000015, 10 tokens at 0.0000006.
const mostForHi = "0.0000111"

// hi asks for a short answer and returns at once.
func hi(user *apitest.User, conversationID string, headers ...string) *apitest.Reply {
	return user.Post("/api/v1/conversations/"+conversationID+"/messages",
		map[string]any{"content": "Hi", "maxTokens": 10}, append(headers, "Prefer: respond-async")...)
}

// standing is how an account stands, in short: what is spent, reserved and left.
func standing(user *apitest.User) string {
	told := ""
	for _, period := range usageBudgets(user) {
		told += fmt.Sprintf("%s %s+%s/%s ", period.Period, period.Spent, period.Reserved, period.Remaining)
	}
	return told
}

func usageBudgets(user *apitest.User) []chat.BudgetPeriod {
	return apitest.Decode[struct{ Budgets []chat.BudgetPeriod }](user.Get("/api/v1/usage").Status(http.StatusOK)).Budgets
}

func budgeted(t *testing.T, daily, monthly string, test func(t *testing.T, s *apitest.Service)) {
	t.Helper()
	t.Parallel()
	options := apitest.Options{Budget: chat.Budget{Daily: daily, Monthly: monthly}, Limits: new(apitest.Limits)}
	apitest.EachWith(t, options, test)
}

// A send that could pass a budget is refused, and what it reserves is given back
// once the answer has ended.
func TestSendsReserveWhatTheyMayCost(t *testing.T) {
	budgeted(t, "0.00003", "0.5", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		first, second := user.Conversation().ID, user.Conversation().ID
		s.Router.Script(llmtest.Hang())
		sent := apitest.Decode[apitest.Exchange](hi(user, first).Status(http.StatusAccepted))
		if got := standing(user); got != "day 0+"+mostForHi+"/0.0000189 month 0+"+mostForHi+"/0.4999889 " {
			t.Errorf("while it runs: %s", got)
		}
		refused := user.Post("/api/v1/conversations/"+second+"/messages", map[string]any{"content": "Hi", "maxTokens": 24}).
			Problem(problem.BudgetExceeded)
		for member, want := range map[string]string{
			"period": "day", "limit": "0.00003", "spent": "0", "reserved": mostForHi, "remaining": "0.0000189", "needed": "0.0000195",
		} {
			if refused.Details[member] != want {
				t.Errorf("%s: %v, want %s", member, refused.Details[member], want)
			}
		}
		if page := apitest.Decode[chat.MessagePage](user.Get("/api/v1/conversations/" + second + "/messages").Status(http.StatusOK)); len(page.Data) > 0 {
			t.Errorf("the refused send left %+v", page.Data)
		}
		user.Post("/api/v1/messages/"+sent.Message.ID+"/stop", nil).Status(http.StatusAccepted)
		apitest.Eventually(t, "the reservation is given back", func() bool { return usageBudgets(user)[0].Reserved == "0" })
		s.Router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(3, 4, 0, "0.00003"), llmtest.Done())
		hi(user, second).Status(http.StatusAccepted)
		// 0.00000015 of it is what the stopped one took.
		apitest.Eventually(t, "all is spent", func() bool { return standing(user) == "day 0.00003015+0/0 month 0.00003015+0/0.49996985 " })
		hi(user, first).Problem(problem.BudgetExceeded)
		if n := len(s.Router.Exchanges()); n != 2 {
			t.Errorf("%d requests reached the provider", n)
		}
	})
}

// However many send at once, together they never pass the budget.
func TestSendsAtOnceNeverPassABudget(t *testing.T) {
	budgeted(t, "", "0.00006", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		const senders, fit = 20, 5 // 5 times 0.0000111 and no more
		conversations := make([]string, senders)
		for i := range conversations {
			conversations[i] = user.Conversation().ID
		}
		for range fit {
			s.Router.Script(llmtest.Hang())
		}
		var sending sync.WaitGroup
		statuses := make([]int, senders)
		for i, id := range conversations {
			sending.Go(func() { statuses[i] = hi(user, id).StatusCode })
		}
		sending.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[http.StatusAccepted] != fit || count[http.StatusPaymentRequired] != senders-fit {
			t.Errorf("statuses: %v", count)
		}
	})
}

// A request that comes again costs nothing, and so needs no budget.
func TestReplaysNeedNoBudget(t *testing.T) {
	budgeted(t, "0.00002", "", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation().ID
		s.Router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(1, 1, 0, "0.00002"), llmtest.Done())
		const key = "Idempotency-Key: once"
		first := apitest.Decode[apitest.Exchange](hi(user, conversation, key).Status(http.StatusAccepted))
		apitest.Eventually(t, "the answer has ended", func() bool { return usageBudgets(user)[0].Remaining == "0" })
		again := apitest.Decode[apitest.Exchange](hi(user, conversation, key).Status(http.StatusAccepted))
		if again.Message.ID != first.Message.ID {
			t.Errorf("the answer is %s, and was %s", again.Message.ID, first.Message.ID)
		}
		hi(user, conversation).Problem(problem.BudgetExceeded)
	})
}

// What an answer takes is charged even when its conversation is deleted under it.
func TestDeletedAnswersAreCharged(t *testing.T) {
	budgeted(t, "1", "", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation().ID
		s.Router.Script(llmtest.Text("Hello, hello"), llmtest.Hang())
		sent := apitest.Decode[apitest.Exchange](hi(user, conversation).Status(http.StatusAccepted))
		apitest.Eventually(t, "there is a text", func() bool {
			return apitest.Decode[chat.Message](user.Get("/api/v1/messages/"+sent.Message.ID).Status(http.StatusOK)).Content != ""
		})
		user.Do(http.MethodDelete, "/api/v1/conversations/"+conversation, nil).Status(http.StatusNoContent)
		// 1 token asked, 3 answered, at the model's prices.
		apitest.Eventually(t, "it is charged", func() bool { return standing(user) == "day 0.00000195+0/0.99999805 " })
	})
}

// The maker of an answer hears of a deletion on another instance when it saves.
func TestAnswersDeletedElsewhereAreCharged(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	user := here.User()
	conversation := user.Conversation().ID
	here.Router.Script(llmtest.Text("Hello, hello"), llmtest.Hang())
	hi(user, conversation).Status(http.StatusAccepted)
	apitest.Eventually(t, "there is a text", func() bool { return history(user, conversation)[1].Content != "" })
	there.As(user).Do(http.MethodDelete, "/api/v1/conversations/"+conversation, nil).Status(http.StatusNoContent)
	apitest.Eventually(t, "it is charged", func() bool { return usage(user, "").Total.Cost == "0.00000195" })
}

// A reservation whose end nobody recorded does not hold the account up for ever.
func TestReservationsExpire(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		execute(t, db, "UPDATE users SET budget_daily = '0.00002'")
		s.Router.Script(llmtest.Hang())
		hi(user, user.Conversation().ID).Status(http.StatusAccepted)
		hi(user, user.Conversation().ID).Problem(problem.BudgetExceeded)
		execute(t, db, "UPDATE charges SET created_at = '2026-01-01 00:00:00+00:00'")
		hi(user, user.Conversation().ID).Status(http.StatusAccepted)
	})
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation().ID
		path := "/api/v1/conversations/" + conversation + "/estimate"
		estimate := func(body map[string]any) string {
			got := apitest.Decode[chat.Estimate](user.Post(path, body).Status(http.StatusOK))
			cost := "unknown"
			if got.Cost != nil {
				cost = got.Cost.Min + "-" + got.Cost.Max
			}
			return fmt.Sprintf("%s %v %v %s", got.ModelID, got.PromptTokens, got.CompletionTokens, cost)
		}
		for _, test := range []struct {
			body map[string]any
			want string
		}{
			{map[string]any{"content": "Hi", "maxTokens": 10}, "openai/gpt-4o-mini {1 34} {1 10} 0.00000075-" + mostForHi},
			{map[string]any{"content": "Hi"}, "openai/gpt-4o-mini {1 34} {1 4096} 0.00000075-0.0024627"},
			{map[string]any{"content": "Hi", "modelId": chat.DemoModelID}, "dreamchat/demo {1 34} {1 4096} 0-0"},
		} {
			if got := estimate(test.body); got != test.want {
				t.Errorf("%v: %s, want %s", test.body, got, test.want)
			}
		}
		user.Ask(conversation, "Hi") // to which the router says hello
		if got := estimate(map[string]any{"content": "Hi", "maxTokens": 10}); got != "openai/gpt-4o-mini {9 99} {1 10} 0.00000195-0.00002085" {
			t.Errorf("with a history: %s", got)
		}
		user.Post(path, map[string]any{"content": "Hi", "modelId": "openai/gpt-0"}).Problem(problem.UnknownModel)
		user.Post(path, map[string]any{"content": " "}).Problem(problem.Invalid)
		s.User().Post(path, map[string]any{"content": "Hi"}).Problem(problem.NotFound)
	})
}
