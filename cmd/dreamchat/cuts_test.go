package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

const (
	// cutsWanted is how often each audience is cut off, at least.
	cutsWanted = 200
	// passagesTold is into how many passages its answers are divided, together.
	passagesTold = 160
)

// telling is a story that is told to one reader through one cutter.
type telling struct {
	story

	conversation chat.Conversation
	reader       *cutter
	// streamURL is the stream of the answer, if it was asked for beforehand.
	streamURL string
}

// stories is what the provider tells, by conversation.
type stories struct {
	mu      sync.Mutex
	scripts map[string][]llmtest.Step
}

func (s *stories) add(conversationID string, script []llmtest.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[conversationID] = script
}

func (s *stories) choose(asked *llmtest.Exchange) []llmtest.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scripts[session(asked)]
}

// session is the conversation that a request to the provider is about.
func session(asked *llmtest.Exchange) string {
	var body struct {
		SessionID string `json:"session_id"`
	}
	_ = json.Unmarshal(asked.Body, &body) // then there is no such story
	return body.SessionID
}

// scene is where stories are told.
type scene struct {
	at        installation
	instances []*process
	router    *llmtest.Router
	stories   *stories
	page      *page
	seed      uint64
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		at: onServers(t), router: llmtest.New(t), page: newPage(t), seed: cutSeed(t),
		stories: &stories{scripts: make(map[string][]llmtest.Step)},
	}
	s.router.Choose(s.stories.choose)
	s.instances = []*process{s.at.start(t, append(openRouter(s.router), "CORS_ORIGINS="+s.page.URL)...)}
	return s
}

// tell prepares stories for an audience of a new user. Each begins when it is
// asked for, and ends when there were enough cuts among them all.
func (s *scene) tell(t *testing.T, audience uint64, readers int) (*client, *tally, []*telling) {
	t.Helper()
	user := s.instances[0].register(fmt.Sprintf("audience%d", audience))
	var targets []string
	for _, instance := range s.instances {
		targets = append(targets, instance.URL)
	}
	cuts := newTally(cutsWanted)
	tellings := make([]*telling, readers)
	for i := range tellings {
		name := audience<<16 | uint64(i)
		decide := rand.New(rand.NewPCG(s.seed, name))
		told := &telling{story: tell(decide, passagesTold/readers), reader: cut(t, s.seed, name, cuts, targets...)}
		told.conversation = want[chat.Conversation](user, http.StatusCreated, http.MethodPost, "/api/v1/conversations",
			map[string]string{"title": "A story"})
		s.stories.add(told.conversation.ID, told.script(decide, told.reader))
		tellings[i] = told
	}
	return user, cuts, tellings
}

const wish = "Tell me a story"

func (told *telling) path() string {
	return "/api/v1/conversations/" + told.conversation.ID + "/messages"
}

// ask asks for the stories past the cutters, for readers that only follow.
func ask(user *client, tellings []*telling) {
	for _, told := range tellings {
		sent := want[struct{ Message chat.Message }](user, http.StatusAccepted, http.MethodPost, told.path(),
			map[string]string{"content": wish}, "Prefer: respond-async")
		told.streamURL = told.reader.URL + "/api/v1/messages/" + sent.Message.ID + "/events"
	}
}

// stored are all messages in SQL, by conversation.
func (s *scene) stored(t *testing.T) map[string][]chat.Message {
	t.Helper()
	messages := make(map[string][]chat.Message)
	for _, row := range s.at.column(t, `SELECT json_build_object('conversationId', conversation_id, 'role', role, 'status', status,
		'content', content, 'reasoning', reasoning) FROM messages ORDER BY seq`) {
		var message chat.Message
		if err := json.Unmarshal([]byte(row), &message); err != nil {
			t.Fatal(err)
		}
		messages[message.ConversationID] = append(messages[message.ConversationID], message)
	}
	return messages
}

// check compares what readers have with what is stored and what was told.
func (s *scene) check(t *testing.T, tellings []*telling, cuts *tally, readings []reading) {
	t.Helper()
	upstream := make(map[string]int)
	for _, exchange := range s.router.Exchanges() {
		upstream[session(exchange)]++
	}
	stored, reopened := s.stored(t), 0
	for _, told := range tellings {
		id := told.conversation.ID
		rows := stored[id]
		if len(rows) != 2 || rows[0].Role != chat.RoleUser || rows[1].Role != chat.RoleAssistant || rows[1].Status != chat.StatusComplete {
			t.Errorf("%s: stored are %+v", id, rows)
			continue
		}
		answer := rows[1]
		if answer.Content != strings.Join(told.text, "") || answer.Reasoning != strings.Join(told.reasoning, "") {
			t.Errorf("%s: stored is %+v, told was %+v", id, answer, told.story)
		}
		if upstream[id] != 1 {
			t.Errorf("%s: the provider was asked %d times", id, upstream[id])
		}
		i := slices.IndexFunc(readings, func(r reading) bool { return r.Name == id })
		if i < 0 {
			t.Errorf("%s: no reader tells of it", id)
			continue
		}
		readings[i].wantWhole(t, answer.Content, answer.Reasoning)
		reopened += readings[i].Reopened
	}
	t.Logf("%d cuts, %d readers, reopened %d times", cuts.total(), len(readings), reopened)
	if total := cuts.total(); total < cutsWanted {
		t.Errorf("%d cuts, want %d at least", total, cutsWanted)
	}
}

// audience is readers of one kind. It returns what they have once they are
// done.
type audience func(*testing.T, *scene, *client, []*telling) (done func(*testing.T) []reading)

// Whatever is cut off and however often: one question, one answer, one call of
// the provider, and every reader has every character.
func TestReadersThatAreCutOffHaveEveryCharacter(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	audiences := []struct {
		name    string
		readers int
		read    audience
		done    func(*testing.T)
	}{
		// An EventSource waits for a second before it comes again, so it takes
		// many to be cut off often.
		{name: "EventSource of Chromium", readers: 32, read: readInChromium},
		{name: "eventsource 3 of npm", readers: 32, read: readInNode("eventsource")},
		{name: "eventsource 2 of npm", readers: 8, read: readInNode("eventsource-2")},
		{name: "fetch that sends again", readers: 8, read: readInNode("fetch")},
		{name: "Go that follows", readers: 8, read: followInGo},
		{name: "Go that sends again", readers: 8, read: sendAgainInGo},
	}
	for i := range audiences {
		user, cuts, tellings := s.tell(t, uint64(i), audiences[i].readers)
		done := audiences[i].read(t, s, user, tellings)
		audiences[i].done = func(t *testing.T) { s.check(t, tellings, cuts, done(t)) }
	}
	for _, readers := range audiences {
		t.Run(readers.name, readers.done)
	}
}
