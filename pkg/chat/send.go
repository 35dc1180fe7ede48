package chat

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// MaxContent bounds a question, in characters.
const MaxContent = 50_000

// Prompt is one question, as it is sent.
type Prompt struct {
	UserID         string
	ConversationID string
	Content        string
	// ModelID answers in place of the conversation's model, if it is not empty.
	ModelID string
	// Fallbacks are asked, in order, if the model fails before its first token; nil
	// leaves them to the settings.
	Fallbacks   []string
	Temperature *float64
	MaxTokens   *int
	// ClientID is what the sender calls the question; empty for nothing.
	ClientID string
	// Replaces is the question whose place this one takes: it and all that
	// follows it is superseded. Empty for none.
	Replaces string
	// LastSeq is the newest position that the sender knows; nil does not ask.
	LastSeq *int64
	// Key makes the prompt repeatable: the same key with the same prompt finds
	// the answer that is there; empty for none.
	Key string
	// Metadata is kept with the question.
	Metadata Metadata
	// Raw is what the model is asked in place of the conversation's messages, and
	// has the caller shown what comes back; nil for none.
	Raw *Raw
}

// Again asks for another answer to the question of an answer.
type Again struct {
	UserID string
	// MessageID is the newest answer that stands in its conversation.
	MessageID   string
	ModelID     string
	Fallbacks   []string // as in Prompt
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
	// Tap shows what the provider sends; nil without a Raw, and if Replayed. The
	// caller closes it.
	Tap *Tap
}

// Send stores the question and begins the answer, which is made whether or not
// anybody follows it. A question over MaxContent, or too long for the model's window
// for certain, is problem.TooLarge, a conversation that is not the user's problem.NotFound, a server that is about
// to end problem.Unavailable, and more than the Limits allow problem.TooMany; the other kinds of errors are those of
// GenerationStore.BeginAnswer and Models.Resolve.
func (g *Generations) Send(ctx context.Context, prompt Prompt) (Sent, error) {
	if err := checkContent(prompt.Content); err != nil {
		return Sent{}, err
	}
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
		ClientID:       prompt.ClientID,
		Replaces:       prompt.Replaces,
		Metadata:       prompt.Metadata,
		CreatedAt:      at,
		UpdatedAt:      at,
	}
	return g.begin(ctx, conversation, draft{
		hash:        prompt.hash(),
		key:         prompt.Key,
		modelID:     prompt.ModelID,
		fallbacks:   prompt.Fallbacks,
		temperature: prompt.Temperature,
		maxTokens:   prompt.MaxTokens,
		question:    &question,
		questionID:  question.ID,
		lastSeq:     prompt.LastSeq,
		raw:         prompt.Raw,
	})
}

func checkContent(content string) error {
	if utf8.RuneCountInString(content) <= MaxContent {
		return nil
	}
	rule := fmt.Sprintf("must have at most %d characters", MaxContent)
	told := problem.TooLarge.New("A message "+rule+".").With("limit", MaxContent)
	told.Fields = []problem.Field{{Pointer: "/content", Detail: rule}}
	return told
}

// hash leaves out what is not set of Replaces and Fallbacks, so that a key of a
// server that does not know the field stays good.
func (p *Prompt) hash() string {
	fields := []any{"send", p.Content, p.ModelID, p.Temperature, p.MaxTokens, p.LastSeq}
	if p.Replaces != "" {
		fields = append(fields, p.Replaces)
	}
	if p.Fallbacks != nil {
		fields = append(fields, p.Fallbacks)
	}
	if p.Raw != nil {
		fields = append(fields, p.Raw.asked())
	}
	return requestHash(fields...)
}

func (a *Again) hash() string {
	fields := []any{"regenerate", a.MessageID, a.ModelID, a.Temperature, a.MaxTokens, nil}
	if a.Fallbacks != nil {
		fields = append(fields, a.Fallbacks)
	}
	return requestHash(fields...)
}

// Regenerate begins another answer to the question of an answer. The old one is
// superseded once the new one stands; if the new one fails, the old one stays. A
// message that is no answer of the user's is problem.NotFound; the other kinds of
// errors are those of Send.
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
		hash:        again.hash(),
		key:         again.Key,
		modelID:     again.ModelID,
		fallbacks:   again.Fallbacks,
		temperature: again.Temperature,
		maxTokens:   again.MaxTokens,
		questionID:  old.QuestionID,
		replaces:    old.ID,
	})
}

// draft is what Send and Regenerate have in common.
type draft struct {
	hash, key, modelID   string
	fallbacks            []string
	temperature          *float64
	maxTokens            *int
	question             *Message
	questionID, replaces string
	lastSeq              *int64
	raw                  *Raw
}

func (g *Generations) begin(ctx context.Context, conversation Conversation, d draft) (Sent, error) {
	model, provider, err := g.Models.Resolve(ctx, d.modelID, conversation.ModelID)
	if err != nil {
		return g.repeated(ctx, conversation, d, err)
	}
	if d.question != nil {
		if err := checkWindow(&model, d.question.Content); err != nil {
			return g.repeated(ctx, conversation, d, err)
		}
	}
	fallbacks, err := g.Models.fallbacks(ctx, model.ID, d.fallbacks)
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
	asked := candidate{model: model, provider: provider}
	reservation, err := g.reservation(ctx, &conversation, &d, &answer, append([]candidate{asked}, fallbacks...))
	if err != nil {
		return g.repeated(ctx, conversation, d, err)
	}
	place, err := g.Slots.enter(ctx, answer.slot(conversation.UserID))
	if err != nil {
		return g.repeated(ctx, conversation, d, err)
	}
	// The answer is made on a context of its own: who asked may go away.
	detached, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	made := newGeneration(conversation.UserID, answer, cancel)
	made.place = place
	made.source = source{
		candidate: asked, fallbacks: fallbacks,
		temperature: d.temperature, maxTokens: d.maxTokens, raw: d.raw,
	}
	if d.raw != nil {
		made.tap = newTap(made.log)
	}
	if err := g.claim(answer.ID, made); err != nil {
		cancel(nil)
		place.undo(ctx, false)
		return g.repeated(ctx, conversation, d, err)
	}
	begun, err := g.store(ctx, Beginning{
		UserID:         conversation.UserID,
		ConversationID: conversation.ID,
		Question:       d.question,
		Answer:         answer,
		LastSeq:        d.lastSeq,
		Reservation:    reservation,
	})
	if err != nil || begun.Replayed {
		cancel(nil)
		g.release(answer.ID)
		place.undo(ctx, begun.Answer.Status == StatusStreaming)
		return Sent{Question: begun.Question, Answer: begun.Answer, Replayed: begun.Replayed}, err
	}
	place.begin(ctx)
	made.begin(&begun, g.Streams.Publish(answer.ID, made.log))
	g.Notify.Changed(ctx, conversation.UserID)
	go g.make(detached, made)
	return Sent{Question: begun.Question, Answer: begun.Answer, Tap: made.tap}, nil
}

// repeated finds the answer to a request that came before, when none can begin:
// what is there is still the answer.
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
