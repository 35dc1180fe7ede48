package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

const later = "Prefer: respond-async"

// waiting has every answer wait until goOn is closed.
func waiting(goOn <-chan struct{}, services ...*apitest.Service) {
	for _, s := range services {
		s.Router.Choose(func(*llmtest.Exchange) []llmtest.Step {
			return []llmtest.Step{llmtest.Text("Well, "), llmtest.Wait(goOn), llmtest.Text("hello."), llmtest.Finish("stop"), llmtest.Done()}
		})
	}
}

func begin(user *apitest.User, conversationID string, headers ...string) *apitest.Reply {
	return user.Post("/api/v1/conversations/"+conversationID+"/messages", map[string]any{"content": "Hi"}, append(headers, later)...)
}

// begun are the ids of the answers that began; the others were refused.
func begun(t *testing.T, replies []*apitest.Reply) []string {
	t.Helper()
	var answers []string
	for _, reply := range replies {
		if reply.StatusCode == http.StatusAccepted {
			answers = append(answers, apitest.Decode[apitest.Exchange](reply).Message.ID)
		} else {
			limited(t, reply, "generations", 3)
		}
	}
	return answers
}

// race sends to 100 conversations at the same time, to one service after the
// other: three begin, and when they have ended there is room again.
func race(t *testing.T, goOn chan struct{}, users ...*apitest.User) {
	t.Helper()
	conversations := make([]string, 100)
	for i := range conversations {
		conversations[i] = users[0].Conversation().ID
	}
	replies := make([]*apitest.Reply, len(conversations))
	var wait sync.WaitGroup
	for i, conversation := range conversations {
		wait.Go(func() { replies[i] = begin(users[i%len(users)], conversation) })
	}
	wait.Wait()
	answers := begun(t, replies)
	if len(answers) != 3 {
		t.Fatalf("%d of %d began, want 3", len(answers), len(replies))
	}
	close(goOn)
	for _, answer := range answers {
		if last := users[0].Follow(t.Context(), answer).Last(); last.Name != "stream_complete" {
			t.Fatalf("it ended with %+v", last)
		}
	}
	for _, conversation := range conversations[:6] { // each ends before the next begins
		users[0].Post("/api/v1/conversations/"+conversation+"/messages", map[string]any{"content": "Hi"}, "Accept: application/json").
			Status(http.StatusCreated)
	}
}

func TestParallelSendsNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, apitest.Options{Silence: time.Minute}, func(t *testing.T, s *apitest.Service) {
		goOn := make(chan struct{})
		waiting(goOn, s)
		race(t, goOn, s.User())
	})
}

func TestInstancesLimitParallelSendsTogether(t *testing.T) {
	t.Parallel()
	database, redis, key := storetest.Postgres(t), servertest.Redis(t), apitest.Key(t)
	one := apitest.Start(t, apitest.Options{Store: database, Cache: apitest.Redis(t, redis), Key: key, Silence: time.Minute})
	two := apitest.Start(t, apitest.Options{Store: database, Cache: apitest.Redis(t, redis), Key: key, Silence: time.Minute})
	goOn := make(chan struct{})
	waiting(goOn, one, two)
	user := one.User()
	race(t, goOn, user, two.As(user))
}

// single is a service that makes one answer of a user at a time.
func single(sends int) apitest.Options {
	set := apitest.DefaultLimits()
	set.Generations, set.Sends = 1, sends
	return apitest.Options{Limits: set, Silence: time.Minute}
}

func TestEveryWayToAskIsLimited(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, single(300), func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation, other := user.Conversation().ID, user.Conversation().ID
		earlier := user.Ask(conversation, "Hi")
		goOn := make(chan struct{})
		waiting(goOn, s)
		running := apitest.Decode[apitest.Exchange](begin(user, other).Status(http.StatusAccepted)).Message.ID

		limited(t, begin(user, conversation), "generations", 1)
		limited(t, begin(user, conversation, "Idempotency-Key: new"), "generations", 1)
		limited(t, user.Post("/api/v1/messages/"+earlier.Message.ID+"/regenerate", nil), "generations", 1)
		limited(t, user.Post("/api/v1/conversations/"+conversation+"/messages",
			map[string]any{"content": "Hi", "replaces": earlier.UserMessage.ID}), "generations", 1)
		limited(t, user.Post("/api/v1/ai/chat", apitest.UITurn(conversation, "m1", "Hi")), "generations", 1)
		for _, request := range []map[string]any{
			completion(apitest.Model, "Hi"), streamed(true), kept(conversation, false), kept(conversation, true),
		} {
			reply := user.Post(completions, request).Status(http.StatusTooManyRequests)
			var told struct{ Error struct{ Type, Code string } }
			if err := json.Unmarshal(reply.Bytes, &told); err != nil || told.Error.Type != "rate_limit_error" ||
				told.Error.Code != problem.TooMany.Code() || reply.Header.Get("Retry-After") == "" {
				t.Errorf("on OpenAI's wire: %s, %v", reply.Bytes, reply.Header)
			}
		}
		begin(s.User(), "none").Problem(problem.NotFound)
		close(goOn)
		if last := user.Follow(t.Context(), running).Last(); last.Name != "stream_complete" {
			t.Fatalf("it ended with %+v", last)
		}
		// Each has a slot, and frees it however it ends.
		user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
		user.Post(completions, streamed(true)).Status(http.StatusOK)
		user.Post(completions, kept(conversation, true)).Status(http.StatusOK)
		s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
		user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusBadGateway)
		s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
		user.Post("/api/v1/conversations/"+other+"/messages", map[string]any{"content": "Hi"}, "Accept: application/json").Status(http.StatusBadGateway)
		s.Router.Script(llmtest.Text("Well"), llmtest.Hang())
		stopped := apitest.Decode[apitest.Exchange](begin(user, conversation).Status(http.StatusAccepted)).Message.ID
		stream := user.Follow(t.Context(), stopped)
		for stream.Text == "" { // its provider is asked
			stream.Next()
		}
		user.Post("/api/v1/messages/"+stopped+"/stop", nil)
		stream.Last()
		user.Ask(other, "Hi")
	})
}

func TestReplayCostsNothing(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, single(3), func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation, other := user.Conversation().ID, user.Conversation().ID
		goOn := make(chan struct{})
		waiting(goOn, s)
		// Retries that come together take one slot and count once.
		replies := make([]*apitest.Reply, 20)
		var wait sync.WaitGroup
		for i := range replies {
			wait.Go(func() { replies[i] = begin(user, conversation, "Idempotency-Key: one") })
		}
		wait.Wait()
		replayed, answer := 0, ""
		for _, reply := range replies {
			answer = apitest.Decode[apitest.Exchange](reply.Status(http.StatusAccepted)).Message.ID
			if reply.Header.Get("Idempotency-Replayed") == "true" {
				replayed++
			}
		}
		if replayed != len(replies)-1 {
			t.Fatalf("%d of %d were replayed", replayed, len(replies))
		}
		limited(t, begin(user, other), "generations", 1)
		close(goOn)
		user.Follow(t.Context(), answer).Last()

		again := func() {
			t.Helper()
			for range 5 {
				same := begin(user, conversation, "Idempotency-Key: one").Status(http.StatusAccepted)
				if apitest.Decode[apitest.Exchange](same).Message.ID != answer || same.Header.Get("Idempotency-Replayed") != "true" {
					t.Fatalf("it was not replayed: %s", same.Bytes)
				}
			}
		}
		again()
		// What is refused for another reason counts as little.
		user.Post("/api/v1/conversations/"+conversation+"/messages", map[string]any{"content": "Hi", "lastSeq": 0}).Problem(problem.StaleConversation)
		user.Post("/api/v1/conversations/"+conversation+"/messages", map[string]any{"content": "Other"}, "Idempotency-Key: one").Problem(problem.KeyReused)
		user.Ask(other, "Second")
		user.Ask(other, "Third")
		limited(t, begin(user, other), "sends", 3)
		limited(t, user.Post("/api/v1/ai/chat", apitest.UITurn(other, "m1", "Hi")), "sends", 3)
		again()
	})
}

func TestSlotIsFreeOnceTheEndIsSeen(t *testing.T) {
	t.Parallel()
	options, goOn := single(300), make(chan struct{})
	options.Cache = apitest.Redis(t, servertest.Redis(t))
	options.Change = func(server *api.Server) {
		server.Generations.OnFinish = func(chat.Outcome) { <-goOn } // what comes after the end takes its time
	}
	s := apitest.Start(t, options)
	defer close(goOn)
	user := s.User()
	conversation := user.Conversation().ID
	for i := range 5 {
		if last := user.Send(t.Context(), conversation, fmt.Sprint(i)).Last(); last.Name != "stream_complete" {
			t.Fatalf("answer %d ended with %+v", i, last)
		}
	}
}

func TestSlotIsKeptAsLongAsTheAnswerIsMade(t *testing.T) {
	t.Parallel()
	options := single(0)
	options.Limits.Lease, options.Limits.Keep = time.Second, 100*time.Millisecond
	apitest.EachWith(t, options, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation, other := user.Conversation().ID, user.Conversation().ID
		goOn := make(chan struct{})
		waiting(goOn, s)
		answer := apitest.Decode[apitest.Exchange](begin(user, conversation).Status(http.StatusAccepted)).Message.ID
		for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
			limited(t, begin(user, other), "generations", 1)
		}
		close(goOn)
		user.Follow(t.Context(), answer).Last()
		begin(user, other).Status(http.StatusAccepted)
	})
}

// The first instance here is not killed but keeps no slot, as if it were: its
// answers go on, so that nothing but the lease can free them.
func TestSlotsOfAnInstanceThatIsGoneAreFreeInTheEnd(t *testing.T) {
	t.Parallel()
	database, redis, key := storetest.Postgres(t), servertest.Redis(t), apitest.Key(t)
	gone, here := single(0), single(0)
	gone.Limits.Lease, gone.Limits.Keep = 2*time.Second, time.Hour
	gone.Store, gone.Cache, gone.Key = database, apitest.Redis(t, redis), key
	here.Store, here.Cache, here.Key = database, apitest.Redis(t, redis), key
	one, two := apitest.Start(t, gone), apitest.Start(t, here)
	goOn := make(chan struct{})
	waiting(goOn, one, two)
	user := one.User()
	conversation, other := user.Conversation().ID, user.Conversation().ID
	began := time.Now()
	begin(user, conversation).Status(http.StatusAccepted)
	limited(t, begin(two.As(user), other), "generations", 1)
	apitest.Eventually(t, "there is room again", func() bool { return begin(two.As(user), other).StatusCode == http.StatusAccepted })
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it was free after %s", took)
	}
	close(goOn)
}

func TestLimitsHoldWithoutRedisAndWithItAgain(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	set := apitest.DefaultLimits()
	set.User, set.Keep = 300, 50*time.Millisecond
	s := apitest.Start(t, apitest.Options{Store: storetest.Postgres(t), Cache: apitest.Redis(t, server.URL), Limits: set, Silence: time.Minute})
	user := s.User()
	conversations := make([]string, 5)
	for i := range conversations {
		conversations[i] = user.Conversation().ID
	}
	shared := func() bool {
		return strings.Contains(string(s.Nobody().Get("/metrics").Bytes), "\ndreamchat_limits_shared 1\n")
	}
	goOn := make(chan struct{})
	waiting(goOn, s)
	first := apitest.Decode[apitest.Exchange](begin(user, conversations[0]).Status(http.StatusAccepted)).Message.ID
	begin(user, conversations[1]).Status(http.StatusAccepted)
	if !shared() {
		t.Error("limits are not shared at first")
	}
	server.Stop()
	begin(user, conversations[2]).Status(http.StatusAccepted)
	limited(t, begin(user, conversations[3]), "generations", 3)
	if told := left(user.Get(whoAmI).Status(http.StatusOK)); told["user"] < 250 {
		t.Errorf("alone %v are left", told)
	}
	if shared() {
		t.Error("limits are shared without Redis")
	}
	server.Start() // empty
	apitest.Eventually(t, "limits are shared again", func() bool { user.Get(whoAmI).Status(http.StatusOK); return shared() })
	client := servertest.RedisClient(t, server.URL)
	apitest.Eventually(t, "Redis knows the slots", func() bool {
		keys := client.Keys(t.Context(), "dreamchat:limit:generations:*").Val()
		return len(keys) == 1 && client.ZCard(t.Context(), keys[0]).Val() == 3
	})
	limited(t, begin(user, conversations[3]), "generations", 3)
	close(goOn)
	if last := user.Follow(t.Context(), first).Last(); last.Name != "stream_complete" {
		t.Errorf("the first ended with %+v", last)
	}
	begin(user, conversations[4]).Status(http.StatusAccepted)
}
