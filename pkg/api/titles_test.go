package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// titled waits until a conversation has this title.
func titled(t *testing.T, user *apitest.User, id, title string) chat.Conversation {
	t.Helper()
	var shown chat.Conversation
	apitest.Eventually(t, "the title is "+title, func() bool {
		shown = show(user, id)
		return shown.Title == title
	})
	return shown
}

// inStore reads a conversation past the service, which may have ended.
func inStore(t *testing.T, db *store.Store, user *apitest.User, id string) chat.Conversation {
	t.Helper()
	found, err := db.Conversation(t.Context(), user.Session.User.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheModelNamesAConversation(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Text(strings.Repeat("ä", 3000)), llmtest.Finish("stop"), llmtest.Usage(1, 2, 0, "0.1"), llmtest.Done())
		s.Router.ScriptTitle(llmtest.Wait(release), llmtest.Text("\n\"Bread ", "without\ta", " machine.\"\nSure!"), llmtest.Finish("length"),
			llmtest.Usage(500, 24, 0, "9"), llmtest.Done())
		user := s.User()
		const model = "mistralai/mistral-small-24b-instruct-2501"
		conversation := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations", map[string]any{"modelId": model}).Status(http.StatusCreated))
		question := "How do I bake? " + strings.Repeat("🍞", 2000)
		user.Post("/api/v1/conversations/"+conversation.ID+"/messages",
			map[string]any{"content": question, "modelId": apitest.Model}, "Accept: application/json").Status(http.StatusCreated)
		before := show(user, conversation.ID)
		if got := titles(list(user, "")); before.Title != "" || got != "" {
			t.Errorf("the title is %q before it is made, %q in the list", before.Title, got)
		}
		close(release)
		after := titled(t, user, conversation.ID, "Bread without a machine")
		told := next(t, changes(t, user, "Last-Event-ID: 8"), 1)[0]
		if shown, _ := told.Data["conversation"].(map[string]any); told.Name != "conversation_updated" || shown["title"] != after.Title {
			t.Errorf("the feed tells %+v", told)
		}
		if before.Title = after.Title; after != before {
			t.Errorf("more than the title has changed: %+v became %+v", before, after)
		}
		apitest.Eventually(t, "the list has the title", func() bool { return titles(list(user, "")) == after.Title })
		if got := titles(list(user, "?q=MACHINE")); got != after.Title {
			t.Errorf("the search finds %q", got)
		}
		user.Ask(conversation.ID, "And then?")
		wantTitleRequest(t, s.Router.Titles(), model, question)
		if n := metric(t, s, `dreamchat_generations_total{.*}`); n != 2 {
			t.Errorf("%v generations are counted", n)
		}
		if n := metric(t, s, `dreamchat_tokens_total{kind="prompt",.*}`); n != 1+7 {
			t.Errorf("%v tokens of prompts are counted", n)
		}
	})
}

func wantTitleRequest(t *testing.T, asked []*llmtest.Exchange, model, question string) {
	t.Helper()
	if len(asked) != 1 {
		t.Fatalf("%d requests for a title", len(asked))
	}
	var request struct {
		Model     string
		MaxTokens int `json:"max_tokens"`
		Messages  []struct{ Role, Content string }
	}
	if err := json.Unmarshal(asked[0].Body, &request); err != nil {
		t.Fatal(err)
	}
	if request.Model != model || request.MaxTokens != 24 || len(request.Messages) != 3 {
		t.Fatalf("the provider was asked %s", asked[0].Body)
	}
	if got := request.Messages[0]; got.Role != "user" || len([]rune(got.Content)) != 1000 || !strings.HasPrefix(question, got.Content) {
		t.Errorf("the question is shown as %+v", got)
	}
	if got := request.Messages[1]; got.Role != "assistant" || got.Content != strings.Repeat("ä", 1000) {
		t.Errorf("the answer is shown as %+v", got)
	}
	if got := request.Messages[2]; got.Role != "user" || got.Content != chat.TitleInstruction {
		t.Errorf("the last turn is %+v", got)
	}
}

func TestTheFirstWordsNameAConversation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []llmtest.Step
	}{
		{"an error", []llmtest.Step{llmtest.ErrorStatus(402, "No credits.", "")}},
		{"an error in the middle", []llmtest.Step{llmtest.Text("Half a "), llmtest.ErrorChunk("502", "Oh no.")}},
		{"a broken connection", []llmtest.Step{llmtest.Text("Half a "), llmtest.Cut()}},
		{"nothing", []llmtest.Step{llmtest.Finish("stop"), llmtest.Done()}},
		{"nothing but thoughts", []llmtest.Step{llmtest.Reasoning("A title? ", "Hm."), llmtest.Finish("length"), llmtest.Done()}},
		{"a refusal", []llmtest.Step{llmtest.Text("I cannot"), llmtest.Finish("content_filter"), llmtest.Done()}},
		{"silence", []llmtest.Step{llmtest.Silence()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.Start(t, apitest.Options{Silence: 500 * time.Millisecond})
			s.Router.ScriptTitle(test.script...)
			user := s.User()
			id := create(user, "").ID
			user.Ask(id, "Why do\nchat servers\tstream all of their answers?")
			titled(t, user, id, "Why do chat servers stream all…")
			if n := len(s.Router.Titles()); n != 1 {
				t.Errorf("the model was asked %d times", n)
			}
		})
	}
}

// The conversation's model may have gone since, while another one answers.
func TestATitleWithoutItsModel(t *testing.T) {
	t.Parallel()
	db, key := storetest.SQLite(t), apitest.Key(t)
	before := apitest.Start(t, apitest.Options{Store: db, Key: key})
	user := before.User()
	id := create(user, "").ID
	now := apitest.Start(t, apitest.Options{Store: db, Key: key, Change: func(server *api.Server) {
		delete(server.Models.Providers, "openrouter")
	}})
	user = now.As(user)
	user.Post("/api/v1/conversations/"+id+"/messages", map[string]any{"content": "Are you there?", "modelId": chat.DemoModelID},
		"Accept: application/json").Status(http.StatusCreated)
	titled(t, user, id, "Are you there?")
}

func TestAPersonsTitleStays(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.ScriptTitle(llmtest.Wait(release), llmtest.Answer("The server's"))
		user := s.User()
		given := create(user, "Given")
		user.Ask(given.ID, "Hi")
		raced := create(user, "")
		user.Ask(raced.ID, "Hi")
		if _, err := s.Router.AwaitTitle(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		patch(user, raced.ID, `{"title":"A person's"}`).Status(http.StatusOK)
		close(release)
		s.Stop() // and so all titles have been made
		if got := inStore(t, s.Store, user, raced.ID).Title; got != "A person's" {
			t.Errorf("the title is %q", got)
		}
		if got := inStore(t, s.Store, user, given.ID).Title; got != "Given" {
			t.Errorf("the given title is %q", got)
		}
		if n := len(s.Router.Titles()); n != 1 {
			t.Errorf("%d titles were asked for", n)
		}
	})
}

func TestASlowTitleHoldsNothingUp(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Server.Models.Providers["openrouter"].(*llm.Client).Silence = time.Minute // not what ends the title
		s.Router.ScriptTitle(llmtest.Text("Half"), llmtest.Hang())
		user := s.User()
		id := create(user, "").ID
		if last := user.Send(t.Context(), id, "One two").Last(); last.Name != "stream_complete" {
			t.Fatalf("the stream ends with %+v", last)
		}
		asked, err := s.Router.AwaitTitle(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		answer := user.Ask(id, "Three four").Message
		user.Post("/api/v1/messages/"+answer.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
		if n := len(s.Router.Titles()); n != 1 || show(user, id).Title != "" {
			t.Errorf("%d titles were asked for", n)
		}
		begun := time.Now()
		s.Stop()
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("the shutdown waited %v", took)
		}
		within(t, promptly, "the provider's connection is closed", asked.Done)
		if got := inStore(t, s.Store, user, id).Title; got != "One two" {
			t.Errorf("the title is %q", got)
		}
	})
}

func TestOnlyAnAnswerBringsATitle(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	stop := func(id string, reads string, script ...llmtest.Step) {
		asked := len(s.Router.Exchanges())
		s.Router.Script(script...)
		stream := user.Send(t.Context(), id, "Hi")
		ack, _ := stream.Next()
		// What is stopped before that would leave its script to the next one.
		if _, err := s.Router.Await(t.Context(), asked+1); err != nil {
			t.Fatal(err)
		}
		for stream.Text != reads {
			stream.Next()
		}
		user.Post("/api/v1/messages/"+ack.Data["messageId"].(string)+"/stop", nil).Status(http.StatusAccepted)
		stream.Last()
	}
	wordless, worded, failed := create(user, "").ID, create(user, "").ID, create(user, "").ID
	stop(wordless, "", llmtest.Hang())
	s.Router.Script(llmtest.Text("Half"), llmtest.ErrorChunk("502", "Oh no."))
	user.Post("/api/v1/conversations/"+failed+"/messages", map[string]any{"content": "Hi"}, "Accept: application/json").Problem(problem.Upstream)
	stop(worded, "Half", llmtest.Text("Half"), llmtest.Hang())
	titled(t, user, worded, "A scripted title")
	s.Stop()
	for name, id := range map[string]string{"stopped without a text": wordless, "failed": failed} {
		if got := inStore(t, s.Store, user, id).Title; got != "" {
			t.Errorf("%s: the title is %q", name, got)
		}
	}
	if n := len(s.Router.Titles()); n != 1 {
		t.Errorf("%d titles were asked for", n)
	}
}

// An instance that made no title leaves it to whoever makes the next answer.
func TestTheNextAnswerBringsTheTitle(t *testing.T) {
	t.Parallel()
	db, key := storetest.Postgres(t), apitest.Key(t)
	without := apitest.Start(t, apitest.Options{Store: db, Key: key, Change: func(server *api.Server) {
		server.Generations.Titles = false
	}})
	user := without.User()
	id := create(user, "").ID
	answer := user.Ask(id, "Hi").Message
	without.Stop()
	if got := inStore(t, db, user, id).Title; got != "" || len(without.Router.Titles()) != 0 {
		t.Errorf("switched off, the title is %q", got)
	}
	with := apitest.Start(t, apitest.Options{Store: db, Key: key})
	user = with.As(user)
	user.Post("/api/v1/messages/"+answer.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
	titled(t, user, id, "A scripted title")
}

func TestManyTitlesAtOnce(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: time.Minute})
	const bound = 32
	for range bound {
		s.Router.ScriptTitle(llmtest.Hang())
	}
	user := s.User()
	for range bound {
		user.Ask(create(user, "").ID, "Hi")
	}
	if _, err := s.Router.AwaitTitle(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	late := create(user, "").ID
	user.Ask(late, "One too many")
	titled(t, user, late, "One too many")
	if n := len(s.Router.Titles()); n != bound {
		t.Errorf("%d models are asked at once", n)
	}
}

// An answer that ends after the shutdown has begun is named without its model.
func TestATitleDuringTheShutdown(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Server.Generations.Grace = 20 * time.Second // not what ends the wait
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("then whole."), llmtest.Finish("stop"))
		user := s.User()
		id := create(user, "").ID
		stream := user.Send(t.Context(), id, "Just in time")
		stream.Next()
		stream.Next()
		s.Shutdown()
		if last := stream.Last(); last.Name != "stream_reconnect" {
			t.Errorf("the reader is told %+v", last)
		}
		close(release)
		s.Stop()
		if got := inStore(t, s.Store, user, id); got.Title != "Just in time" || len(s.Router.Titles()) != 0 {
			t.Errorf("the title is %q", got.Title)
		}
	})
}
