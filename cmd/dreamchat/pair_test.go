package main_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

// pair are two instances of one installation, with a Redis of their own and a
// provider that answers each question by its script.
type pair struct {
	t        *testing.T
	a, b     *process
	onA, onB *client
	server   *servertest.RedisServer
	redis    *redis.Client
	db       *sql.DB

	mu      sync.Mutex
	scripts map[string][]llmtest.Step
	calls   map[string][]*llmtest.Exchange
}

func newPair(t *testing.T, more ...string) *pair {
	t.Helper()
	return newPairOver(t, servertest.Postgres(t), more...)
}

func newPairOver(t *testing.T, database string, more ...string) *pair {
	t.Helper()
	p := &pair{
		t: t, server: servertest.StartRedis(t),
		scripts: map[string][]llmtest.Step{}, calls: map[string][]*llmtest.Exchange{},
	}
	router := llmtest.New(t)
	router.Choose(p.script)
	at := installation{environment: []string{"DATABASE_URL=" + database, "REDIS_URL=" + p.server.URL}, database: database}
	p.a, p.b = at.twins(t, append(openRouter(router), more...)...)
	p.onA = p.a.register("ada")
	p.onB = p.b.as(p.onA)
	p.redis = servertest.RedisClient(t, p.server.URL)
	var err error
	p.db, err = sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() }) // it was only read
	return p
}

// script finds what the provider says to the newest question.
func (p *pair) script(asked *llmtest.Exchange) []llmtest.Step {
	var body struct{ Messages []struct{ Content string } }
	if err := json.Unmarshal(asked.Body, &body); err != nil || len(body.Messages) == 0 {
		p.t.Errorf("the provider is asked %s", asked.Body)
		return nil
	}
	question := body.Messages[len(body.Messages)-1].Content
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[question] = append(p.calls[question], asked)
	if script, ok := p.scripts[question]; ok {
		return script
	}
	return []llmtest.Step{llmtest.Answer("Still here.")}
}

func (p *pair) plan(question string, script []llmtest.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scripts[question] = script
}

// asked are the requests that the provider got for a question.
func (p *pair) asked(question string) []*llmtest.Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls[question])
}

// alive are the user's clients of the instances that run.
func (p *pair) alive() []*client {
	var clients []*client
	if p.a.running() {
		clients = append(clients, p.onA)
	}
	if p.b.running() {
		clients = append(clients, p.onB)
	}
	return clients
}

// conversation has a title, so that nobody asks the provider for one.
func (p *pair) conversation() string {
	p.t.Helper()
	return want[chat.Conversation](p.alive()[0], http.StatusCreated, http.MethodPost, "/api/v1/conversations",
		map[string]string{"title": "Faults"}).ID
}

func (p *pair) flushall() {
	p.t.Helper()
	if err := p.redis.FlushAll(p.t.Context()).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// stored is how many characters the database holds of an answer.
func (p *pair) stored(messageID string) int {
	p.t.Helper()
	var n int
	err := p.db.QueryRowContext(p.t.Context(),
		"SELECT length(content) + length(reasoning) FROM messages WHERE id = $1", messageID).Scan(&n)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// quiet fails the test if any answer is left unfinished.
func (p *pair) quiet() {
	p.t.Helper()
	var n int
	if err := p.db.QueryRowContext(p.t.Context(), "SELECT count(*) FROM messages WHERE status = 'streaming'").Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	if n > 0 {
		p.t.Errorf("%d answers are left streaming", n)
	}
}

// phrase has runes of one to four bytes, a combining mark, a flag and a family.
const phrase = "Zoë’s na\u0131\u0308ve 🇨🇭 👩\u200d👩\u200d👧 e\u0301 नी 😀. "

// phrases are n of them, numbered.
func phrases(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(strconv.Itoa(i) + " " + phrase)
	}
	return text.String()
}

// flow sends a text in pieces of some bytes, cut also within runes, with a pause
// after each.
func flow(field, text string, size int, pause time.Duration) []llmtest.Step {
	var steps []llmtest.Step
	for piece := range slices.Chunk([]byte(text), size) {
		steps = append(steps, llmtest.Chunk(`{"id":"gen-test","model":"test/model","choices":[{"index":0,"delta":{"`+
			field+`":"`+string(piece)+`"}}]}`))
		if pause > 0 {
			steps = append(steps, llmtest.Delay(pause))
		}
	}
	return steps
}

// finish ends a stream in good order.
func finish() []llmtest.Step {
	return []llmtest.Step{llmtest.Finish("stop"), llmtest.Usage(7, 100, 10, "0.000123"), llmtest.Done()}
}

// length counts UTF-16 units, as clients do.
func length(text string) int { return len(utf16.Encode([]rune(text))) }
