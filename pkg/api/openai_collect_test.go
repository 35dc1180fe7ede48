package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
)

// Some servers stream whatever they are asked.
func TestCompletionInOnePieceFromAServerThatStreams(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		s.Router.Script(llmtest.Comment("PROCESSING"), llmtest.Reasoning("Hm", "."), llmtest.Text("Hel", "lo"),
			llmtest.Chunk(callChunk), llmtest.Chunk(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ty\":1}"}}]}}]}`),
			llmtest.Finish("tool_calls"), llmtest.Usage(3, 5, 1, "0.1"), llmtest.Done())
		reply := user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
		var got struct {
			Object  string
			Choices []struct {
				Message struct {
					Content, Reasoning string
					ToolCalls          []struct {
						Function struct{ Name, Arguments string }
					} `json:"tool_calls"`
				}
				FinishReason string `json:"finish_reason"`
			}
			Usage struct {
				Total int `json:"total_tokens"`
			}
		}
		if err := json.Unmarshal(reply.Bytes, &got); err != nil {
			t.Fatal(err)
		}
		message := got.Choices[0].Message
		if got.Object != "chat.completion" || message.Content != "Hello" || message.Reasoning != "Hm." || len(message.ToolCalls) != 1 ||
			message.ToolCalls[0].Function.Name != "weather" || message.ToolCalls[0].Function.Arguments != `{"city":1}` ||
			got.Choices[0].FinishReason != "tool_calls" || got.Usage.Total != 8 {
			t.Errorf("%s", reply.Bytes)
		}
		apitest.Eventually(t, "it is charged", func() bool { return usage(user, "").Total.Cost == "0.1" })

		s.Router.Script(llmtest.Text("Hel"), llmtest.Cut())
		user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusBadGateway)
		s.Router.Script(llmtest.ErrorChunk("429", "Slow down."))
		user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusTooManyRequests)
	})
}
