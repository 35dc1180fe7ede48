package chat

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// TitleMaxTokens bounds the title that a model is asked for.
const TitleMaxTokens = 24

// TitleInstruction is the last turn of a request for a title; question and
// answer stand before it.
const TitleInstruction = "Give this conversation a title of three to six words, in the language of the question. " +
	"Reply with the title alone: one line, no quotes, no Markdown, no period at the end."

const (
	titleTimeout = 15 * time.Second
	// titlesAtOnce bounds the titles that models make for this instance at once.
	titlesAtOnce = 32
	// titleExcerpt bounds what is shown of question and answer, in characters.
	titleExcerpt = 1000
	// maxTitleReply bounds what is read of a model that knows no limit, in bytes.
	maxTitleReply = 2000
)

// titling is the titles that are being made.
type titling struct {
	mu      sync.Mutex
	running map[string]context.CancelFunc // by the conversation's id
	ended   bool
}

// claim tells whether the conversation is to be named now: not while a title
// for it is being made. If no model can be asked, cancel is called at once.
func (t *titling) claim(conversationID string, cancel context.CancelFunc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, busy := t.running[conversationID]; busy {
		return false
	}
	if t.ended || len(t.running) >= titlesAtOnce {
		cancel()
	}
	if t.running == nil {
		t.running = make(map[string]context.CancelFunc)
	}
	t.running[conversationID] = cancel
	return true
}

func (t *titling) release(conversationID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, conversationID)
}

// end lets no model be asked any more.
func (t *titling) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, cancel := range t.running {
		cancel()
	}
}

// title names a conversation that has no title, once an answer in it is stored.
// It returns at once; the title is made in the background, and whatever goes
// wrong with it is nothing to the answer. The generation that calls it is still
// counted in done.
func (g *Generations) title(ctx context.Context, conversation Conversation, answer *Message) {
	worthy := answer.Status == StatusComplete || answer.Status == StatusStopped && answer.Content != ""
	if !g.Titles || conversation.Title != "" || !worthy {
		return
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), titleTimeout)
	if !g.titling.claim(conversation.ID, cancel) {
		cancel()
		return
	}
	questionID, text := answer.QuestionID, excerpt(answer.Content)
	g.done.Go(func() {
		defer cancel()
		defer g.titling.release(conversation.ID)
		if err := g.makeTitle(asking, conversation, questionID, text); err != nil {
			g.Log.WarnContext(asking, "conversation not titled", "conversation", conversation.ID, "error", err)
		}
	})
}

// makeTitle makes the title and stores it, unless there is one by then. Only
// the model is bound to ctx: a title is stored even when the server ends.
func (g *Generations) makeTitle(ctx context.Context, conversation Conversation, questionID, answer string) error {
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	question, err := g.Messages.Message(reading, conversation.UserID, questionID)
	if errors.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	title, err := g.suggest(ctx, conversation, excerpt(question.Content), answer)
	if err != nil && !errors.Is(err, context.Canceled) {
		g.Log.WarnContext(ctx, "no title from the model", "conversation", conversation.ID, "model", conversation.ModelID, "error", err)
	}
	if title == "" {
		title = firstWords(question.Content)
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	_, err = g.Talks.TitleConversation(saving, conversation.UserID, conversation.ID, title, now())
	switch {
	case errors.Is(err, problem.Conflict), errors.Is(err, problem.NotFound):
		return nil // a person was faster
	case err == nil:
		g.Notify.Changed(saving, conversation.UserID)
	}
	return err
}

// suggest asks the conversation's model for a title. It is empty if the model
// gives none.
func (g *Generations) suggest(ctx context.Context, conversation Conversation, question, answer string) (title string, err error) {
	defer func() {
		// One bad title must not end the answers.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("chat: panic in a title: %v\n%s", fault, debug.Stack())
		}
	}()
	if ctx.Err() != nil || answer == "" {
		return "", ctx.Err()
	}
	model, provider, err := g.Models.Resolve(ctx, conversation.ModelID)
	if err != nil {
		return "", err
	}
	request := titleRequest(model.ID, conversation.ID, question, answer)
	charge := Charge{
		ID: id.New(), UserID: conversation.UserID, Kind: ChargeTitle, ConversationID: conversation.ID,
		Provider: model.Provider, ModelID: model.ID, CreatedAt: now(),
	}
	if err := g.Ledger.open(ctx, charge, model.estimate(request.Messages, TitleMaxTokens)); err != nil {
		return "", err
	}
	receipt := NewReceipt(&request)
	defer func() { g.Ledger.close(ctx, charge, model, receipt) }()
	var reply strings.Builder
	for delta, err := range provider.Complete(ctx, request) {
		if err != nil {
			return "", err
		}
		receipt.Note(delta)
		if delta.FinishReason == FinishContentFilter {
			return "", nil
		}
		if reply.WriteString(delta.Text); reply.Len() > maxTitleReply {
			break
		}
	}
	return cleanTitle(reply.String()), nil
}

func titleRequest(modelID, session, question, answer string) Request {
	return Request{
		ModelID: modelID,
		Messages: []Turn{
			{Role: RoleUser, Content: question},
			{Role: RoleAssistant, Content: answer},
			{Role: RoleUser, Content: TitleInstruction},
		},
		MaxTokens: new(TitleMaxTokens),
		Session:   session,
	}
}

// excerpt is the beginning of a text that a model is shown.
func excerpt(text string) string {
	head, _ := cutRunes(text, titleExcerpt)
	return head
}
