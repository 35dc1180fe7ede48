package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	// exportPage and exportMessages bound the rows that are held at a time: a message
	// may have 4 MiB.
	exportPage     = 100
	exportMessages = 5
	// exportWait is what a second export of an account at a time is told to wait.
	exportWait = 10 * time.Second
)

// exportMe streams all that is stored of the caller, however much it is. What
// breaks off is no JSON, and its connection breaks.
func (s *Server) exportMe(c echo.Context, caller auth.Caller) error {
	if _, running := s.exports.LoadOrStore(caller.UserID, true); running {
		return problem.TooMany.New("Your data is being exported already.").After(exportWait)
	}
	defer s.exports.Delete(caller.UserID)
	ctx := c.Request().Context()
	head, err := s.exportHead(ctx, caller)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	header.Set(echo.HeaderContentDisposition, `attachment; filename="dreamchat-export.json"`)
	header.Set(echo.HeaderCacheControl, "no-store")
	c.Response().WriteHeader(http.StatusOK)
	e := export{server: s, caller: caller, out: jsonWriter{out: s.writer(c)}}
	if err := e.run(ctx, head); err != nil {
		s.Log.WarnContext(ctx, "export broke off", "error", err)
		setBroken(c)
	}
	return nil
}

// exportHead is what is small of an account: it is read while an error still has a
// status.
type exportHead struct {
	Version    int                 `json:"version"`
	ExportedAt time.Time           `json:"exportedAt"`
	User       auth.User           `json:"user"`
	Sessions   []openSession       `json:"sessions"`
	APIKeys    []auth.APIKey       `json:"apiKeys"`
	Budgets    []chat.BudgetPeriod `json:"budgets"`
}

func (s *Server) exportHead(ctx context.Context, caller auth.Caller) (head exportHead, err error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	head.Version, head.ExportedAt = 1, time.Now().UTC().Truncate(time.Microsecond)
	if head.User, err = s.Accounts.User(ctx, caller.UserID); err != nil {
		return head, err
	}
	if head.Sessions, err = s.sessionsOf(ctx, caller); err != nil {
		return head, err
	}
	if head.APIKeys, err = s.APIKeys.List(ctx, caller.UserID); err != nil {
		return head, err
	}
	head.Budgets, err = s.Budgets.Periods(ctx, caller.UserID)
	return head, err
}

// export is one document on its way out.
type export struct {
	server *Server
	caller auth.Caller
	out    jsonWriter
}

func (e *export) run(ctx context.Context, head exportHead) error {
	store, userID := e.server.Export, e.caller.UserID
	e.out.object(head)
	e.out.list("conversations")
	err := pages(ctx, e, "", func(ctx context.Context, after string) ([]chat.Conversation, error) {
		return store.ConversationsAfter(ctx, userID, after, exportPage)
	}, func(conversation chat.Conversation) (string, error) {
		return conversation.ID, e.conversation(ctx, conversation)
	})
	if err != nil {
		return err
	}
	e.out.endList()
	e.out.list("charges")
	err = pages(ctx, e, "", func(ctx context.Context, after string) ([]chat.Charge, error) {
		return store.ChargesAfter(ctx, userID, after, exportPage)
	}, func(charge chat.Charge) (string, error) {
		e.out.item(viewCharge(&charge))
		return charge.ID, nil
	})
	if err != nil {
		return err
	}
	e.out.endList()
	e.out.endObject()
	return e.out.flush()
}

// exportedConversation is followed by its messages.
type exportedConversation struct {
	Conversation chat.Conversation `json:"conversation"`
}

// conversation writes one with all of its messages, the superseded too.
func (e *export) conversation(ctx context.Context, conversation chat.Conversation) error {
	e.out.next()
	e.out.object(exportedConversation{conversation})
	e.out.list("messages")
	err := pages(ctx, e, 0, func(ctx context.Context, after int64) ([]chat.Message, error) {
		found, err := e.server.Export.Messages(ctx, e.caller.UserID, conversation.ID, chat.MessageQuery{
			After: after, Order: chat.OldestFirst, Limit: exportMessages, Superseded: true,
		})
		return found, unlessGone(err)
	}, func(message chat.Message) (int64, error) {
		e.out.item(message)
		return message.Seq, nil
	})
	e.out.endList()
	e.out.endObject()
	return err
}

// unlessGone takes a conversation that was deleted meanwhile for an empty one.
func unlessGone(err error) error {
	if problem.From(err).Kind == problem.NotFound {
		return nil
	}
	return err
}

// pages writes what is read, page by page, as long as the caller may have it.
func pages[T any, A comparable](
	ctx context.Context, e *export, after A,
	read func(ctx context.Context, after A) ([]T, error), write func(T) (A, error),
) error {
	for {
		page, err := readPage(ctx, e, after, read)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			if after, err = write(row); err != nil {
				return err
			}
		}
		if err := e.out.flush(); err != nil {
			return err
		}
	}
}

func readPage[T, A any](
	ctx context.Context, e *export, after A, read func(ctx context.Context, after A) ([]T, error),
) ([]T, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if _, err := e.server.Standing.Check(ctx, e.caller); err != nil {
		return nil, err
	}
	return read(ctx, after)
}

// chargeView is what is told of a charge.
type chargeView struct {
	ID               string           `json:"id"`
	Kind             chat.ChargeKind  `json:"kind"`
	State            chat.ChargeState `json:"state"`
	ConversationID   string           `json:"conversationId"`
	MessageID        string           `json:"messageId"`
	Provider         string           `json:"provider"`
	ModelID          string           `json:"modelId"`
	GenerationID     string           `json:"generationId"`
	PromptTokens     int              `json:"promptTokens"`
	CompletionTokens int              `json:"completionTokens"`
	ReasoningTokens  int              `json:"reasoningTokens"`
	TokensUsed       int              `json:"tokensUsed"`
	Cost             *string          `json:"cost"`
	Estimated        bool             `json:"estimated"`
	CreatedAt        time.Time        `json:"createdAt"`
}

func viewCharge(c *chat.Charge) chargeView {
	return chargeView{
		ID: c.ID, Kind: c.Kind, State: c.State, ConversationID: c.ConversationID, MessageID: c.MessageID,
		Provider: c.Provider, ModelID: c.ModelID, GenerationID: c.GenerationID,
		PromptTokens: c.PromptTokens, CompletionTokens: c.CompletionTokens, ReasoningTokens: c.ReasoningTokens,
		TokensUsed: c.TokensUsed, Cost: c.Cost, Estimated: c.Estimated, CreatedAt: c.CreatedAt,
	}
}
