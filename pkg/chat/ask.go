package chat

import (
	"cmp"
	"context"
	"errors"

	"dreamchat/pkg/problem"
)

// Ask is a turn of a client that keeps its conversations itself and has ids of its
// own for them and for its questions.
type Ask struct {
	UserID string
	// Chat is the conversation: the client's id of it, or ours.
	Chat string
	// QuestionID is the client's id of the newest question, or ours, and Content
	// its text. Both are empty if only Target tells what to answer.
	QuestionID string
	Content    string
	// Again asks for another answer.
	Again bool
	// Target is the question that this one takes the place of, by the client's id
	// or ours; with Again it is the answer to make again, or its question. Empty
	// for none.
	Target string
	// ModelID, Fallbacks, Temperature and MaxTokens are as in Prompt.
	ModelID     string
	Fallbacks   []string
	Temperature *float64
	MaxTokens   *int
}

// Asked is a question that stands.
type Asked struct {
	Question Message
	// Answer is the newest answer to it that stands; its ID is empty if there is
	// none.
	Answer Message
	// Last tells that no question stands behind it.
	Last bool
}

func (a *Asked) again() Sent {
	return Sent{Question: a.Question, Answer: a.Answer, Replayed: true}
}

// Ask begins the answer to a turn, or finds the one that was begun when the same
// turn came before, which costs nothing. The first question makes the
// conversation, with the model that it names.
//
// A Content over MaxContent is problem.TooLarge. The same QuestionID with another
// Content is problem.KeyReused, unless it is the Target too; a Target that does
// not exist is problem.NotFound, one that was replaced meanwhile problem.Conflict.
// The other kinds of errors are those of Generations.Send and
// Generations.Regenerate.
func (c *Conversations) Ask(ctx context.Context, ask Ask) (Sent, error) {
	if err := checkContent(ask.Content); err != nil {
		return Sent{}, err
	}
	conversation, err := c.opened(ctx, &ask)
	switch {
	case err != nil:
		return Sent{}, err
	case ask.Again:
		return c.askAgain(ctx, conversation.ID, &ask)
	default:
		return c.ask(ctx, conversation.ID, &ask)
	}
}

// Latest returns the answer that was begun last in a conversation, whatever has
// become of it, by the client's id of the conversation or ours. It is
// problem.NotFound if there is none.
func (c *Conversations) Latest(ctx context.Context, userID, chat string) (Message, error) {
	conversation, err := c.Store.ConversationOf(ctx, userID, chat)
	if err != nil {
		return Message{}, err
	}
	newest, err := c.Generations.Messages.Messages(ctx, userID, conversation.ID,
		MessageQuery{Order: NewestFirst, Limit: 1, Superseded: true})
	if err != nil {
		return Message{}, err
	}
	if len(newest) == 0 || newest[0].Role != RoleAssistant {
		return Message{}, problem.NotFound.New("There is no answer in this conversation.")
	}
	return newest[0], nil
}

// opened finds the conversation, or makes it for its first question. Of several
// that come at once, one makes it.
func (c *Conversations) opened(ctx context.Context, ask *Ask) (Conversation, error) {
	found, err := c.Store.ConversationOf(ctx, ask.UserID, ask.Chat)
	if ask.QuestionID == "" || !errors.Is(err, problem.NotFound) {
		return found, err
	}
	made, err := c.create(ctx, ask.UserID, ask.Chat, "", ask.ModelID)
	if errors.Is(err, problem.AlreadyExists) {
		return c.Store.ConversationOf(ctx, ask.UserID, ask.Chat)
	}
	return made, err
}

func (c *Conversations) ask(ctx context.Context, conversationID string, ask *Ask) (Sent, error) {
	asked, err := c.asked(ctx, conversationID, ask, ask.QuestionID)
	known := err == nil
	isEdit := ask.Target == ask.QuestionID
	switch {
	case err != nil && !errors.Is(err, problem.NotFound):
		return Sent{}, err
	case known && asked.Question.Content == ask.Content && asked.Answer.ID != "" && (asked.Last || !isEdit):
		return asked.again(), nil
	case known && !isEdit:
		return Sent{}, problem.KeyReused.New("The id of this message came before with another text.")
	case ask.Target != "" && !isEdit:
		if asked, err = c.asked(ctx, conversationID, ask, ask.Target); err != nil {
			return Sent{}, err
		}
	}
	return c.send(ctx, conversationID, ask, asked.Question.ID)
}

func (c *Conversations) asked(ctx context.Context, conversationID string, ask *Ask, name string) (Asked, error) {
	return c.Generations.Messages.Asked(ctx, ask.UserID, conversationID, name)
}

// send sends the question, which replaces another if that is not empty.
func (c *Conversations) send(ctx context.Context, conversationID string, ask *Ask, replaces string) (Sent, error) {
	return c.Generations.Send(ctx, Prompt{
		UserID:         ask.UserID,
		ConversationID: conversationID,
		Content:        ask.Content,
		ModelID:        ask.ModelID,
		Fallbacks:      ask.Fallbacks,
		Temperature:    ask.Temperature,
		MaxTokens:      ask.MaxTokens,
		ClientID:       ask.QuestionID,
		Replaces:       replaces,
		Key:            requestHash("ask", ask.QuestionID, replaces, ask.Content),
	})
}

// askAgain begins another answer to a question. A question that never arrived is
// sent; an answer that was made again already, or is being so, is its successor.
func (c *Conversations) askAgain(ctx context.Context, conversationID string, ask *Ask) (Sent, error) {
	name := cmp.Or(ask.Target, ask.QuestionID)
	asked, err := c.asked(ctx, conversationID, ask, name)
	question, answer := &asked.Question, &asked.Answer
	switch {
	case errors.Is(err, problem.NotFound) && name == ask.QuestionID:
		return c.send(ctx, conversationID, ask, "")
	case err != nil:
		return Sent{}, err
	case answer.ID == "":
		ask.QuestionID, ask.Content = cmp.Or(question.ClientID, question.ID), question.Content
		return c.send(ctx, conversationID, ask, question.ID)
	case name != question.ID && name != question.ClientID && name != answer.ID:
		return asked.again(), nil
	}
	return c.Generations.Regenerate(ctx, Again{
		UserID:      ask.UserID,
		MessageID:   answer.ID,
		ModelID:     ask.ModelID,
		Fallbacks:   ask.Fallbacks,
		Temperature: ask.Temperature,
		MaxTokens:   ask.MaxTokens,
	})
}
