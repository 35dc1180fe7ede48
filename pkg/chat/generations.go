package chat

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// Why a generation ends before its provider does. Compared by identity.
var (
	errStopped     = problem.Conflict.New("The answer was stopped.")
	errInterrupted = problem.Interrupted.New("The server shut down while the answer was made. What there was of it is kept.")
	errCrashed     = problem.Interrupted.New("The server that made the answer went away. What it had saved is kept.")
	errDeleted     = problem.NotFound.New("The conversation was deleted.")
	errLost        = problem.Conflict.New("The answer was closed by somebody else.")
)

// Generations makes answers. A generation belongs to nobody's request: a client
// that goes away never ends it. Fill the fields, run Run, then use the methods,
// which are safe for concurrent use.
type Generations struct {
	Store    GenerationStore
	Messages MessageStore
	Talks    ConversationStore
	Models   *Models
	Lists    ListCache
	Log      *slog.Logger
	// Owner names this instance. An instance that starts again under the name
	// closes at once what it left behind.
	Owner string
	// Grace is how long running answers may go on once Run is told to end.
	Grace time.Duration
	// OnFinish is told of each generation that ended; nil tells nobody.
	OnFinish func(Outcome)

	mu       sync.Mutex
	running  map[string]*generation // by the answer's id
	draining bool
	done     sync.WaitGroup
	// outage is when the database last failed to take a checkpoint.
	outage time.Time
	// inherited is set once what an earlier process left behind is closed.
	inherited bool
	// signals makes the channels that follow: giveUp is closed when answers that
	// cannot be saved must be let go, ended when Run has returned.
	signals       sync.Once
	giveUp, ended chan struct{}
}

// Prompt is one question, as it is sent.
type Prompt struct {
	UserID         string
	ConversationID string
	Content        string
	// ModelID answers in place of the conversation's model, if it is not empty.
	ModelID     string
	Temperature *float64
	MaxTokens   *int
	// LastSeq is the newest position that the sender knows; nil does not ask.
	LastSeq *int64
	// Key makes the prompt repeatable: the same key with the same prompt finds
	// the answer that is there; empty for none.
	Key string
}

// Again asks for another answer to the question of an answer.
type Again struct {
	UserID string
	// MessageID is the newest answer that stands in its conversation.
	MessageID   string
	ModelID     string
	Temperature *float64
	MaxTokens   *int
	Key         string
}

// Sent is a question with the answer that is made, or was made, to it.
type Sent struct {
	Question Message
	Answer   Message
	// Replayed is set when the same request came before.
	Replayed bool
}

// Send stores the question and begins the answer, which is made whether or not
// anybody follows it. The kinds of its errors are those of
// GenerationStore.BeginAnswer and Models.Resolve.
func (g *Generations) Send(ctx context.Context, prompt Prompt) (Sent, error) {
	conversation, err := g.Talks.Conversation(ctx, prompt.UserID, prompt.ConversationID)
	if err != nil {
		return Sent{}, err
	}
	at := now()
	question := Message{
		ID:             id.New(),
		ConversationID: conversation.ID,
		Role:           RoleUser,
		Content:        prompt.Content,
		Status:         StatusComplete,
		CreatedAt:      at,
		UpdatedAt:      at,
	}
	return g.begin(ctx, conversation, draft{
		hash:        requestHash("send", prompt.Content, prompt.ModelID, prompt.Temperature, prompt.MaxTokens, prompt.LastSeq),
		key:         prompt.Key,
		modelID:     prompt.ModelID,
		temperature: prompt.Temperature,
		maxTokens:   prompt.MaxTokens,
		question:    &question,
		questionID:  question.ID,
		lastSeq:     prompt.LastSeq,
	})
}

// Regenerate begins another answer to the question of an answer. The old one is
// superseded once the new one stands; if the new one fails, the old one stays.
func (g *Generations) Regenerate(ctx context.Context, again Again) (Sent, error) {
	old, err := g.answer(ctx, again.UserID, again.MessageID)
	if err != nil {
		return Sent{}, err
	}
	conversation, err := g.Talks.Conversation(ctx, again.UserID, old.ConversationID)
	if err != nil {
		return Sent{}, err
	}
	return g.begin(ctx, conversation, draft{
		hash:        requestHash("regenerate", again.MessageID, again.ModelID, again.Temperature, again.MaxTokens, nil),
		key:         again.Key,
		modelID:     again.ModelID,
		temperature: again.Temperature,
		maxTokens:   again.MaxTokens,
		questionID:  old.QuestionID,
		replaces:    old.ID,
	})
}

// draft is what Send and Regenerate have in common.
type draft struct {
	hash, key, modelID   string
	temperature          *float64
	maxTokens            *int
	question             *Message
	questionID, replaces string
	lastSeq              *int64
}

func (g *Generations) begin(ctx context.Context, conversation Conversation, d draft) (Sent, error) {
	model, provider, err := g.Models.Resolve(ctx, d.modelID, conversation.ModelID)
	if err != nil {
		return g.repeated(ctx, conversation, d, err)
	}
	at := now()
	answer := Message{
		ID:             id.New(),
		ConversationID: conversation.ID,
		Role:           RoleAssistant,
		Status:         StatusStreaming,
		ModelID:        model.ID,
		QuestionID:     d.questionID,
		Replaces:       d.replaces,
		Metadata:       parameters(d.temperature, d.maxTokens),
		Attempt:        1,
		LastEventSeq:   1,
		Owner:          g.Owner,
		IdempotencyKey: d.key,
		RequestHash:    d.hash,
		CreatedAt:      at,
		UpdatedAt:      at,
	}
	// The answer is made on a context of its own: who asked may go away.
	detached, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	made := newGeneration(conversation.UserID, answer, cancel)
	made.source = source{model: model, provider: provider, temperature: d.temperature, maxTokens: d.maxTokens}
	if err := g.claim(answer.ID, made); err != nil {
		cancel(nil)
		return Sent{}, err
	}
	begun, err := g.store(ctx, Beginning{
		UserID:         conversation.UserID,
		ConversationID: conversation.ID,
		Question:       d.question,
		Answer:         answer,
		LastSeq:        d.lastSeq,
	})
	if err != nil || begun.Replayed {
		cancel(nil)
		g.release(answer.ID)
		return Sent{Question: begun.Question, Answer: begun.Answer, Replayed: begun.Replayed}, err
	}
	made.begin(&begun)
	g.Lists.Advance(ctx, conversation.UserID)
	go g.make(detached, made)
	return Sent{Question: begun.Question, Answer: begun.Answer}, nil
}

// repeated finds the answer to a request that came before, when its model can
// answer no more: what is there is still the answer.
func (g *Generations) repeated(ctx context.Context, conversation Conversation, d draft, refused error) (Sent, error) {
	if d.key == "" {
		return Sent{}, refused
	}
	begun, err := g.Store.Repeated(ctx, conversation.UserID, conversation.ID, d.key, d.hash)
	if errors.Is(err, problem.NotFound) {
		err = refused
	}
	return Sent{Question: begun.Question, Answer: begun.Answer, Replayed: true}, err
}

// store commits question and answer even if the caller goes away meanwhile: a
// row whose fate nobody knows would have no one to make its answer.
func (g *Generations) store(ctx context.Context, beginning Beginning) (Begun, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return g.Store.BeginAnswer(ctx, beginning)
}

// claim registers a generation before its row is there, so that whoever sees
// the row finds the generation.
func (g *Generations) claim(answerID string, made *generation) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return problem.Unavailable.New("The server is shutting down.").After(time.Second)
	}
	if g.running == nil {
		g.running = make(map[string]*generation)
	}
	g.running[answerID] = made
	g.done.Add(1)
	return nil
}

func (g *Generations) release(answerID string) {
	g.mu.Lock()
	delete(g.running, answerID)
	g.mu.Unlock()
	g.done.Done()
}

// Stop ends a running answer and keeps what there is of it. It tells whether
// the answer was still running; one that had ended stays as it is. An answer
// that another server makes is problem.Unavailable.
func (g *Generations) Stop(ctx context.Context, userID, messageID string) (Message, bool, error) {
	answer, err := g.answer(ctx, userID, messageID)
	if err != nil || answer.Status != StatusStreaming {
		return answer, false, err
	}
	if made, here := g.find(userID, messageID); here {
		made.cancel(errStopped)
		return answer, true, nil
	}
	// It may have ended since we read it.
	answer, err = g.answer(ctx, userID, messageID)
	if err == nil && answer.Status == StatusStreaming {
		err = problem.Unavailable.New("The answer is being made by another server.")
	}
	return answer, false, err
}

// answer reads a message that must be an answer.
func (g *Generations) answer(ctx context.Context, userID, messageID string) (Message, error) {
	message, err := g.Messages.Message(ctx, userID, messageID)
	if err == nil && message.Role != RoleAssistant {
		err = problem.NotFound.New("This message is not an answer.")
	}
	return message, err
}

// find returns the generation of an answer, if it runs here for this user.
func (g *Generations) find(userID, messageID string) (*generation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	made, ok := g.running[messageID]
	return made, ok && made.userID == userID
}

// drop ends the generations of a conversation that was deleted.
func (g *Generations) drop(conversationID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, made := range g.running {
		if made.answer.ConversationID == conversationID {
			made.cancel(errDeleted)
		}
	}
}
