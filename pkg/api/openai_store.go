package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// storeCompletion keeps question and answer in a conversation. The answer is made
// like any other: it goes on without its caller, who is only shown what comes.
func (s *Server) storeCompletion(c echo.Context, caller auth.Caller, asked completionRequest) error {
	sent, err := s.sendCompletion(c, caller, &asked)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(headerConversationID, sent.Answer.ConversationID)
	header.Set(headerMessageID, sent.Answer.ID)
	if sent.Replayed {
		header.Set(headerReplayed, "true")
		err = s.replayCompletion(c, caller, &asked.raw, sent)
	} else {
		defer sent.Tap.Close()
		err = s.showCompletion(c, caller, &asked.raw, sent)
	}
	if err != nil {
		// OpenAI's clients try again by themselves, which would ask twice.
		header.Set(headerShouldRetry, "false")
	}
	return err
}

func (s *Server) sendCompletion(c echo.Context, caller auth.Caller, asked *completionRequest) (chat.Sent, error) {
	header := c.Request().Header
	key := header.Get(headerIdempotencyKey)
	if err := checkKey(key, header.Values(headerIdempotencyKey)); err != nil {
		return chat.Sent{}, err
	}
	conversationID, err := validID(asked.conversationID)
	if err != nil {
		return chat.Sent{}, err
	}
	question, notes, err := asked.question()
	if err != nil {
		return chat.Sent{}, err
	}
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	return s.Generations.Send(ctx, chat.Prompt{
		UserID:         caller.UserID,
		ConversationID: conversationID,
		Content:        question,
		Metadata:       notes,
		ModelID:        asked.model,
		Fallbacks:      asked.fallbacks,
		Key:            key,
		Raw:            &asked.raw,
	})
}

// showCompletion passes on what the provider sends. The end is told once the
// answer is stored.
func (s *Server) showCompletion(c echo.Context, caller auth.Caller, raw *chat.Raw, sent chat.Sent) error {
	out := s.chunkWriter(c)
	defer out.close()
	var body []byte
	for {
		chunks, err := sent.Tap.Next(c.Request().Context())
		switch {
		case errors.Is(err, io.EOF) && sent.Tap.Finished() && !raw.Stream:
			return s.wholeCompletion(c, body)
		case errors.Is(err, io.EOF) && sent.Tap.Finished():
			return out.end(nil)
		case errors.Is(err, io.EOF):
			return s.endCompletion(c, caller, raw, out, newCompletion(sent.Answer))
		case err != nil:
			return out.end(err)
		case !raw.Stream:
			body = chunks[len(chunks)-1]
		default:
			if !out.chunks(chunks...) {
				return nil // the client has gone
			}
		}
	}
}

// endCompletion ends an answer with what is stored of it, since there is no end of
// the provider's own: it was stopped, has grown to its bound, or is told again.
func (s *Server) endCompletion(c echo.Context, caller auth.Caller, raw *chat.Raw, out *chunkWriter, reply *completion) error {
	answer, err := s.Messages.Find(c.Request().Context(), caller.UserID, reply.messageID)
	if err == nil && answer.Error != nil {
		err = answer.Error.Problem()
	}
	if err != nil {
		return out.end(err)
	}
	if !raw.Stream {
		return private(c, http.StatusOK, reply.whole(answer))
	}
	last := []any{reply.finish(answer)}
	if raw.Usage {
		last = append(last, reply.usage(answer))
	}
	for _, chunk := range last {
		if !out.object(chunk) {
			return nil // the client has gone
		}
	}
	return out.end(nil)
}

// replayCompletion shows an answer to a request that came before. What the provider
// sent is gone: it is told again from what is kept.
func (s *Server) replayCompletion(c echo.Context, caller auth.Caller, raw *chat.Raw, sent chat.Sent) error {
	if !raw.Stream {
		answer, err := s.Generations.Await(c.Request().Context(), caller.UserID, sent.Answer.ID)
		if err == nil && answer.Error != nil {
			err = answer.Error.Problem()
		}
		if err != nil {
			return err
		}
		reply := newCompletion(answer)
		return private(c, http.StatusOK, reply.whole(answer))
	}
	feed, err := s.follow(c, caller, sent.Answer.ID, "")
	if err != nil {
		return err
	}
	defer feed.Close()
	out := s.chunkWriter(c)
	defer out.close()
	reply := newCompletion(sent.Answer)
	for {
		events, err := feed.Log.Next(c.Request().Context(), feed.After)
		if errors.Is(err, io.EOF) {
			return s.endCompletion(c, caller, raw, out, reply)
		}
		if err != nil {
			return out.end(problem.Unavailable.Because(err, "The answer goes on elsewhere. Send the request again, with the same key."))
		}
		feed.After += len(events)
		for _, event := range chat.Merge(events, 1) {
			if event.Type != chat.EventChunk {
				continue
			}
			if !out.object(reply.text(event)) {
				return nil // the client has gone
			}
		}
	}
}
