package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/sse"
)

type prompt struct {
	Content     string   `json:"content" validate:"notblank"`
	ModelID     string   `json:"modelId" validate:"max=200"`
	Temperature *float64 `json:"temperature" validate:"omitnil,min=0,max=2"`
	MaxTokens   *int     `json:"maxTokens" validate:"omitnil,min=1,max=200000"`
	LastSeq     *int64   `json:"lastSeq" validate:"omitnil,min=0"`
	Replaces    *string  `json:"replaces"`
	Fallbacks   []string `json:"fallbackModels" validate:"max=5,dive,notblank,max=200"`
}

func (s *Server) sendMessage(c echo.Context, caller auth.Caller) error {
	feed, err := s.send(c, caller)
	return s.streamIf(c, feed, err)
}

// send answers the request, or returns the feed to stream in answer to it. The
// frames of a stream are held as long as it lasts, so what is large on the stack
// is left before it begins.
func (s *Server) send(c echo.Context, caller auth.Caller) (*chat.Feed, error) {
	conversationID, err := pathID(c)
	if err != nil {
		return nil, err
	}
	form, key, err := negotiate(c)
	if err != nil {
		return nil, err
	}
	body, err := bind[prompt](s, c)
	if err != nil {
		return nil, err
	}
	var replaces string
	if body.Replaces != nil {
		if replaces, err = validID(*body.Replaces); err != nil {
			return nil, err
		}
	}
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	sent, err := s.Generations.Send(ctx, chat.Prompt{
		UserID:         caller.UserID,
		ConversationID: conversationID,
		Content:        body.Content,
		ModelID:        body.ModelID,
		Fallbacks:      body.Fallbacks,
		Temperature:    body.Temperature,
		MaxTokens:      body.MaxTokens,
		LastSeq:        body.LastSeq,
		Replaces:       replaces,
		Key:            key,
	})
	if err != nil {
		return nil, err
	}
	return s.answer(c, caller, form, sent)
}

type again struct {
	ModelID     string   `json:"modelId" validate:"max=200"`
	Temperature *float64 `json:"temperature" validate:"omitnil,min=0,max=2"`
	MaxTokens   *int     `json:"maxTokens" validate:"omitnil,min=1,max=200000"`
	Fallbacks   []string `json:"fallbackModels" validate:"max=5,dive,notblank,max=200"`
}

func (s *Server) regenerateMessage(c echo.Context, caller auth.Caller) error {
	feed, err := s.regenerate(c, caller)
	return s.streamIf(c, feed, err)
}

// regenerate is to regenerateMessage what send is to sendMessage.
func (s *Server) regenerate(c echo.Context, caller auth.Caller) (*chat.Feed, error) {
	messageID, err := pathID(c)
	if err != nil {
		return nil, err
	}
	form, key, err := negotiate(c)
	if err != nil {
		return nil, err
	}
	body, err := bindOptional[again](s, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	sent, err := s.Generations.Regenerate(ctx, chat.Again{
		UserID:      caller.UserID,
		MessageID:   messageID,
		ModelID:     body.ModelID,
		Fallbacks:   body.Fallbacks,
		Temperature: body.Temperature,
		MaxTokens:   body.MaxTokens,
		Key:         key,
	})
	if err != nil {
		return nil, err
	}
	return s.answer(c, caller, form, sent)
}

// form is how a client wants an answer.
type form uint8

const (
	formStream form = iota
	formJSON
	formAsync
)

// negotiate reads from the headers how the answer is wanted, and the key that
// makes the request repeatable.
func negotiate(c echo.Context) (form, string, error) {
	header := c.Request().Header
	key := header.Get(headerIdempotencyKey)
	if err := checkKey(key, header.Values(headerIdempotencyKey)); err != nil {
		return 0, "", err
	}
	if strings.Contains(strings.ToLower(strings.Join(header.Values(headerPrefer), ",")), "respond-async") {
		return formAsync, key, nil
	}
	accept := strings.Join(header.Values(echo.HeaderAccept), ",")
	events, whole := prefers(accept, sse.ContentType), prefers(accept, echo.MIMEApplicationJSON)
	switch {
	case events.quality == 0 && whole.quality == 0:
		return 0, "", problem.NotAcceptable.New("Accept text/event-stream for the stream, or application/json for the whole answer.")
	case whole.over(events):
		return formJSON, key, nil
	default:
		return formStream, key, nil
	}
}

func checkKey(key string, all []string) error {
	bad := len(all) > 1 || len(all) == 1 && key == "" || len(key) > 255 ||
		strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if !bad {
		return nil
	}
	found := problem.Malformed.New("The Idempotency-Key must have 1 to 255 printable ASCII characters.")
	found.Fields = []problem.Field{{Pointer: headerIdempotencyKey, Detail: "must have 1 to 255 printable ASCII characters"}}
	return found
}

// exchange is a question with its answer.
type exchange struct {
	UserMessage chat.Message `json:"userMessage"`
	Message     chat.Message `json:"message"`
}

// answer answers in the form that is wanted, or returns the feed to stream.
func (s *Server) answer(c echo.Context, caller auth.Caller, form form, sent chat.Sent) (*chat.Feed, error) {
	if sent.Replayed {
		c.Response().Header().Set(headerReplayed, "true")
	}
	switch form {
	case formAsync:
		c.Response().Header().Set(echo.HeaderLocation, "/api/v1/messages/"+sent.Answer.ID+"/events")
		c.Response().Header().Set(headerPreferenceApplied, "respond-async")
		return nil, private(c, http.StatusAccepted, exchange{UserMessage: sent.Question, Message: sent.Answer})
	case formJSON:
		return nil, s.whole(c, caller, sent)
	case formStream:
	}
	after := ""
	if sent.Replayed {
		// In any other send it is the cursor of an earlier answer.
		after = c.Request().Header.Get(headerLastEventID)
	}
	return s.follow(c, caller, sent.Answer.ID, after)
}

// streamIf streams the feed, if there is one.
func (s *Server) streamIf(c echo.Context, feed *chat.Feed, err error) error {
	if err != nil || feed == nil {
		return err
	}
	return s.stream(c, feed)
}

// whole waits for the end of the answer. One that failed is told as the problem
// that ended it, with the ids of what is kept.
func (s *Server) whole(c echo.Context, caller auth.Caller, sent chat.Sent) error {
	ctx, leave := s.attend(c)
	answer, err := s.Generations.Await(ctx, caller.UserID, sent.Answer.ID)
	if refused := leave(); refused != nil {
		return refused
	}
	if err != nil {
		return withIDs(err, sent)
	}
	if answer.Error != nil {
		return withIDs(answer.Error.Problem(), sent)
	}
	return private(c, http.StatusCreated, exchange{UserMessage: sent.Question, Message: answer})
}

func withIDs(err error, sent chat.Sent) error {
	var found *problem.Error
	if !errors.As(err, &found) {
		return err
	}
	return found.With("userMessageId", sent.Question.ID).With("messageId", sent.Answer.ID)
}
