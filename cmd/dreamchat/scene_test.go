package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
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

// scene is where stories are told: by two instances, which every reader meets by
// turns.
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
	a, b := s.at.twins(t, append(openRouter(s.router), "CORS_ORIGINS="+s.page.URL, "LIMIT_GENERATIONS=100")...)
	s.instances = []*process{a, b}
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
