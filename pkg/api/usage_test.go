package api_test

import (
	"database/sql"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// usageReport is what the service tells of a span of time.
type usageReport struct {
	From, To time.Time
	GroupBy  string
	Data     []chat.UsageRow
	Total    chat.UsageSum
	Titles   chat.UsageSum
}

func usage(user *apitest.User, query string) usageReport {
	return apitest.Decode[usageReport](user.Get("/api/v1/usage" + query).Status(http.StatusOK))
}

// rows are the groups in short: key, messages, tokens, cost.
func (r usageReport) rows() string {
	var all []string
	for _, row := range r.Data {
		all = append(all, fmt.Sprintf("%s:%d/%d/%s", row.Key, row.Messages, row.TokensUsed, row.Cost))
	}
	return strings.Join(all, " ")
}

// spend asks a question whose answer takes that much.
func spend(s *apitest.Service, user *apitest.User, conversationID string, prompt, completion int, cost string) chat.Message {
	s.Router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(prompt, completion, 0, cost), llmtest.Done())
	return user.Ask(conversationID, "Hi").Message
}

func TestUsageIsTheSumOfTheAnswers(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user, stranger := s.User(), s.User()
		one, two := user.Conversation().ID, user.Conversation().ID
		spend(s, stranger, stranger.Conversation().ID, 9, 9, "9")
		answers := []chat.Message{
			spend(s, user, one, 1, 2, "0.1"),
			spend(s, user, one, 3, 4, "0.2"),
			spend(s, user, two, 5, 6, "0.000000000000000001"),
			spend(s, user, two, 7, 8, ""), // whose cost nobody told: 0.00000585 by the price
		}
		cost := new(big.Rat)
		for i, answer := range answers {
			if answer.Cost != nil {
				value, _ := new(big.Rat).SetString(*answer.Cost)
				cost.Add(cost, value)
			}
			at := fmt.Sprintf("2026-01-0%d 23:59:59.999999+00:00", 1+i/2*2)
			execute(t, db, `UPDATE charges SET created_at = '`+at+`' WHERE id = '`+answer.ID+`'`)
		}
		demo := apitest.Decode[apitest.Exchange](user.Post("/api/v1/conversations/"+one+"/messages",
			map[string]any{"content": "Hi", "modelId": chat.DemoModelID}, "Accept: application/json").Status(http.StatusCreated)).Message
		execute(t, db, `UPDATE charges SET created_at = '2026-01-02 00:00:00+00:00' WHERE id = '`+demo.ID+`'`)

		const span = "?from=2026-01-01&to=2026-02-01"
		if want, got := cost.FloatString(18), usage(user, span).Total.Cost; got != want {
			t.Errorf("the cost is %s, that of the answers %s", got, want)
		}
		demoRow := fmt.Sprintf("1/%d/0", demo.TokensUsed)
		byConversation := one + fmt.Sprintf(":3/%d/0.3", 10+demo.TokensUsed) + " " + two + ":2/26/0.000005850000000001"
		if two < one {
			t.Fatal("ids do not grow")
		}
		for _, test := range []struct{ query, want string }{
			{span, "2026-01-01:2/10/0.3 2026-01-02:" + demoRow + " 2026-01-03:2/26/0.000005850000000001"},
			{span + "&groupBy=day", "2026-01-01:2/10/0.3 2026-01-02:" + demoRow + " 2026-01-03:2/26/0.000005850000000001"},
			{span + "&groupBy=model", "dreamchat/demo:" + demoRow + " " + apitest.Model + ":4/36/0.300005850000000001"},
			{span + "&groupBy=conversation", byConversation},
			{"?from=2026-01-02&to=2026-01-03", "2026-01-02:" + demoRow},
			{"?from=2026-01-02T00:00:00.000001Z&to=2026-01-03", ""},
			{"?from=2026-01-01T12:00:00Z&to=2026-01-02T00:00:00Z", "2026-01-01:2/10/0.3"},
			{"?from=2026-01-02T01:00:00%2B01:00&to=2026-01-02T01:30:00%2B01:00", "2026-01-02:" + demoRow},
			{"?from=2025-01-01&to=2025-12-31", ""},
		} {
			t.Run(test.query, func(t *testing.T) {
				report := usage(user.In(t), test.query)
				if got := report.rows(); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				var messages, tokens int64
				for _, row := range report.Data {
					messages, tokens = messages+row.Messages, tokens+row.TokensUsed
				}
				if report.Total.Messages != messages || report.Total.TokensUsed != tokens {
					t.Errorf("in all %+v, the groups make %d messages and %d tokens", report.Total, messages, tokens)
				}
			})
		}
	})
}

func TestUsageCountsWhatWasMade(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		if report := usage(user, ""); len(report.Data) != 0 || report.Total != (chat.UsageSum{Cost: "0", EstimatedCost: "0"}) || report.To.Sub(report.From) != 30*24*time.Hour {
			t.Errorf("nothing is %+v", report)
		}
		first := spend(s, user, user.Conversation().ID, 1, 2, "0.25")
		s.Router.Script(llmtest.Text("Other"), llmtest.Finish("stop"), llmtest.Usage(3, 4, 0, "0.50"), llmtest.Done())
		user.Post("/api/v1/messages/"+first.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)

		report := usage(user, "?groupBy=model")
		want := chat.UsageSum{Messages: 2, PromptTokens: 4, CompletionTokens: 6, TokensUsed: 10, Cost: "0.75", EstimatedCost: "0"}
		if report.Total != want || report.rows() != apitest.Model+":2/10/0.75" {
			t.Errorf("with a superseded answer: %+v", report)
		}
	})
}

func TestUsageIsRefused(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct{ query, pointers string }{
		{"?from=yesterday", "from"},
		{"?to=2026-13-01", "to"},
		{"?from=", "from"},
		{"?from=2026-01-01T00:00:00", "from"},
		{"?groupBy=week", "groupBy"},
		{"?groupBy=", "groupBy"},
		{"?from=2026-01-02&to=2026-01-01", "from"},
		{"?from=2026-01-01&to=2026-01-01", "from"},
		{"?from=2025-01-01&to=2026-01-03", "from"},
		{"?from=x&to=y&groupBy=z", "from groupBy to"},
	} {
		t.Run(test.query, func(t *testing.T) {
			if got := pointers(user.In(t).Get("/api/v1/usage" + test.query).Problem(problem.Invalid)); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
		})
	}
	usage(user, "?from=2025-01-01&to=2026-01-02")
}
