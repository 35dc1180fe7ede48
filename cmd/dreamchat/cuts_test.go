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
	cutsWanted = 200
	// readers is how many read at once, each an answer of its own. EventSource
	// waits a second before it comes again, so it takes many to be cut often.
	readers = 32
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
func (s *scene) tell(t *testing.T, audience uint64) (*client, *tally, []*telling) {
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
		told := &telling{story: tell(decide), reader: cut(t, s.seed, name, cuts, targets...)}
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

// check compares what readers have with what is stored and what was told.
func (s *scene) check(t *testing.T, tellings []*telling, cuts *tally, readings []reading) {
	t.Helper()
	upstream := make(map[string]int)
	for _, exchange := range s.router.Exchanges() {
		upstream[session(exchange)]++
	}
	reopened := 0
	for _, told := range tellings {
		id := told.conversation.ID
		i := slices.IndexFunc(readings, func(r reading) bool { return r.Name == id })
		if i < 0 {
			t.Errorf("%s: no reader tells of it", id)
			continue
		}
		column := func(expression string) []string {
			return s.at.column(t, "SELECT "+expression+" FROM messages WHERE conversation_id = '"+id+"' ORDER BY seq")
		}
		if rows := column("role || ' ' || status"); !slices.Equal(rows, []string{"user complete", "assistant complete"}) {
			t.Errorf("%s: stored are %q", id, rows)
			continue
		}
		text, reasoning := column("content")[1], column("reasoning")[1]
		if text != strings.Join(told.text, "") || reasoning != strings.Join(told.reasoning, "") {
			t.Errorf("%s: stored is %q, %q, told were %q, %q", id, text, reasoning, told.text, told.reasoning)
		}
		if upstream[id] != 1 {
			t.Errorf("%s: the provider was asked %d times", id, upstream[id])
		}
		readings[i].wantWhole(t, text, reasoning)
		reopened += readings[i].Reopened
	}
	t.Logf("%d cuts, %d readers, reopened %d times", cuts.total(), len(readings), reopened)
	if total := cuts.total(); total < cutsWanted {
		t.Errorf("%d cuts, want %d at least", total, cutsWanted)
	}
}

// Whatever is cut off and however often: one question, one answer, one call of
// the provider, and every reader has every character.
func TestReadersThatAreCutOffHaveEveryCharacter(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for audience, readers := range []struct {
		name string
		read func(*testing.T, *scene, *client, []*telling) []reading
	}{
		{"Go that follows", followInGo},
		{"Go that sends again", sendAgainInGo},
		{"EventSource of Chromium", readInChromium},
		{"eventsource 2 of npm", readInNode("eventsource-2")},
		{"eventsource 3 of npm", readInNode("eventsource")},
		{"fetch that sends again", readInNode("fetch")},
	} {
		t.Run(readers.name, func(t *testing.T) {
			t.Parallel()
			user, cuts, tellings := s.tell(t, uint64(audience))
			s.check(t, tellings, cuts, readers.read(t, s, user, tellings))
		})
	}
}
