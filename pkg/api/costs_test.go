package api_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// cost is what an answer took, in short.
type cost struct {
	status                        chat.Status
	prompt, completion, reasoning int
	cost                          string // empty for null
	estimated                     bool
}

func costOf(message *chat.Message) cost {
	found := cost{
		status: message.Status, prompt: message.PromptTokens, completion: message.CompletionTokens,
		reasoning: message.ReasoningTokens, estimated: message.Estimated,
	}
	if message.Cost != nil {
		found.cost = *message.Cost
	}
	return found
}

// The prices of the catalogue are 0.00000015 and 0.0000006. The question is two
// bytes: one token.
func TestAnAnswerCosts(t *testing.T) {
	t.Parallel()
	step := func(steps ...llmtest.Step) []llmtest.Step { return steps }
	said := func(usage llmtest.Step) []llmtest.Step {
		return step(llmtest.Text("Hello"), llmtest.Finish("stop"), usage, llmtest.Done())
	}
	for name, test := range map[string]struct {
		script []llmtest.Step
		want   cost
	}{
		"as told":                  {said(llmtest.Usage(7, 8, 3, "0.00012345678901234567890123")), cost{chat.StatusComplete, 7, 8, 3, "0.00012345678901234567890123", false}},
		"as told with an exponent": {said(llmtest.Usage(7, 8, 3, "2.97e-06")), cost{chat.StatusComplete, 7, 8, 3, "0.00000297", false}},
		"nothing":                  {said(llmtest.Usage(7, 8, 3, "0")), cost{chat.StatusComplete, 7, 8, 3, "0", false}},
		"by the price":             {said(llmtest.Usage(7, 8, 3, "")), cost{chat.StatusComplete, 7, 8, 3, "0.00000585", true}},
		"nonsense":                 {said(llmtest.Usage(7, 8, 3, `"free"`)), cost{chat.StatusComplete, 7, 8, 3, "0.00000585", true}},
		"uncounted":                {step(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Done()), cost{chat.StatusComplete, 1, 2, 0, "0.00000135", true}},
		"broken off":               {step(llmtest.Reasoning("Hmm"), llmtest.Text("Hello", " wor"), llmtest.Cut()), cost{chat.StatusFailed, 1, 4, 1, "0.00000255", true}},
		"counted and broken off":   {step(llmtest.Text("Hello"), llmtest.Usage(7, 8, 3, "0.5"), llmtest.Cut()), cost{chat.StatusFailed, 7, 8, 3, "0.5", false}},
		"never begun":              {step(llmtest.ErrorStatus(http.StatusInternalServerError, "Oh no.", "")), cost{chat.StatusFailed, 0, 0, 0, "0", true}},
		"failed before a word":     {step(llmtest.ErrorChunk("502", "Oh no.")), cost{chat.StatusFailed, 0, 0, 0, "0", true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apitest.Each(t, func(t *testing.T, s *apitest.Service) {
				s.Router.Script(test.script...)
				user := s.User()
				stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
				ack, _ := stream.Next()
				last := stream.Last()
				message := stored(user, ack.Data["messageId"].(string))
				if got := costOf(&message); got != test.want || message.TokensUsed != got.prompt+got.completion {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				if last.Name == "stream_complete" && (last.Data["cost"] != test.want.cost || last.Data["estimated"] != test.want.estimated) {
					t.Errorf("the stream ends with %+v", last)
				}
				estimated := "0"
				if test.want.estimated {
					estimated = test.want.cost
				}
				want := chat.UsageSum{
					Messages: 1, PromptTokens: int64(test.want.prompt), CompletionTokens: int64(test.want.completion),
					ReasoningTokens: int64(test.want.reasoning), TokensUsed: int64(message.TokensUsed),
					Cost: test.want.cost, EstimatedCost: estimated,
				}
				if report := usage(user, ""); report.Total != want {
					t.Errorf("the usage is %+v, want %+v", report.Total, want)
				}
			})
		})
	}
}

func TestACostThatNobodyKnows(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		err := s.Store.ChangeModels(t.Context(), func(stored []chat.Model) ([]chat.Model, error) {
			for i := range stored {
				stored[i].PricingOutput = ""
			}
			return stored, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		user := s.User()
		if answer := spend(s, user, user.Conversation().ID, 7, 8, ""); answer.Cost != nil || !answer.Estimated || answer.TokensUsed != 15 {
			t.Errorf("got %+v", answer)
		}
		// Of what has no words only the known price matters.
		if answer := spend(s, user, user.Conversation().ID, 7, 0, ""); answer.Cost == nil || *answer.Cost != "0.00000105" {
			t.Errorf("got %+v", answer)
		}
		if got := usage(user, "").Total; got.Messages != 2 || got.Cost != "0.00000105" || got.TokensUsed != 22 {
			t.Errorf("the usage is %+v", got)
		}
	})
}

func TestTitlesStandApart(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.ScriptTitle(llmtest.Text("A title"), llmtest.Finish("stop"), llmtest.Usage(30, 4, 1, "0.0000012"), llmtest.Done())
		user := s.User()
		untitled := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations", map[string]any{}).Status(http.StatusCreated))
		spend(s, user, untitled.ID, 7, 8, "0.5")
		want := chat.UsageSum{
			Messages: 1, PromptTokens: 30, CompletionTokens: 4, ReasoningTokens: 1, TokensUsed: 34, Cost: "0.0000012", EstimatedCost: "0",
		}
		soon(t, "the title is charged", func() bool { return usage(user, "").Titles == want })
		if report := usage(user, "?groupBy=conversation"); report.rows() != untitled.ID+":1/15/0.5" || report.Total.Cost != "0.5" {
			t.Errorf("the answers took %+v", report)
		}
	})
}
