package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"mime"
	"net/http"
	"strings"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/sse"
)

// maxEvent bounds one chunk of an answer, and so the memory of a stream.
const maxEvent = 1 << 20

// Client is a [chat.Provider] that speaks OpenAI's chat completions. It is
// safe for concurrent use once its fields are set.
type Client struct {
	// BaseURL is what "/chat/completions" is added to, such as
	// "https://openrouter.ai/api/v1".
	BaseURL string
	// Key is the bearer token; empty for none.
	Key string
	// HTTP must have no Timeout: answers may take as long as they go on. Its
	// transport should come from [NewTransport].
	HTTP *http.Client
	// Silence is how long the provider may send nothing at all, at first and
	// later, before the answer fails; 0 is no limit.
	Silence time.Duration
	// FirstToken is how long the first piece of text or reasoning may take, whatever
	// signs of life come before it; 0 is no limit.
	FirstToken time.Duration
	// Whole is how long an answer may take that is asked for in one piece, for which
	// Silence and FirstToken mean nothing; 0 is no limit.
	Whole time.Duration
	// Breaker leaves the provider alone while it fails; nil for none.
	Breaker *Breaker
	// OpenRouter tells that the provider knows OpenRouter's additions: the
	// session of a conversation, and who is asking.
	OpenRouter bool
	// AppURL and AppTitle name this application to OpenRouter.
	AppURL, AppTitle string
}

// Complete implements [chat.Provider]. Usage comes once, at the end, however
// often the provider tells it; it also comes before an error.
func (c *Client) Complete(ctx context.Context, request chat.Request) iter.Seq2[chat.Delta, error] {
	return c.Breaker.guard(func(yield func(chat.Delta, error) bool) {
		err := c.complete(ctx, request, yield)
		if err != nil && !errors.Is(err, errLeft) {
			yield(chat.Delta{}, err)
		}
	})
}

// errLeft is the end of an answer that nobody wants any more.
var errLeft = errors.New("llm: the consumer has left")

func (c *Client) complete(ctx context.Context, request chat.Request, yield func(chat.Delta, error) bool) error {
	if request.Raw != nil && !request.Raw.Stream {
		return c.whole(ctx, request, yield)
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := newWatch(c.Silence, cancel)
	defer watch.stop()
	watch.expect(c.FirstToken)

	response, err := c.send(run, watch, request)
	if err != nil {
		return c.transportFailure(ctx, run, err, unreachable)
	}
	defer func() { _ = response.Body.Close() }()

	body := watched{source: response.Body, watch: watch}
	if !isStream(response) {
		return c.refusal(response, body)
	}
	a := answer{yield: yield, client: c, watch: watch, body: body, raw: newRaw(request.Raw)}
	err = a.read(response.Header.Get("X-Generation-Id"))
	return c.transportFailure(ctx, run, err, cutOff)
}

func (c *Client) send(ctx context.Context, watch *watch, ask chat.Request) (*http.Response, error) {
	request, err := c.request(ctx, ask)
	if err != nil {
		return nil, problem.Internal.Because(err, "The request to the model provider cannot be built.")
	}
	watch.begin()
	defer watch.end()
	return c.HTTP.Do(request)
}

// wireRequest is the body of a request, in the order that people write it.
type wireRequest struct {
	Model         string        `json:"model"`
	Messages      []wireMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Temperature *float64 `json:"temperature,omitempty"`
	MaxTokens   *int     `json:"max_tokens,omitempty"`
	SessionID   string   `json:"session_id,omitempty"`
}

type wireMessage struct {
	Role    chat.Role `json:"role"`
	Content string    `json:"content"`
	// ReasoningDetails go to OpenRouter alone.
	ReasoningDetails json.RawMessage `json:"reasoning_details,omitempty"`
}

func (c *Client) request(ctx context.Context, ask chat.Request) (*http.Request, error) {
	body, err := c.body(ask)
	if err != nil {
		return nil, err
	}
	url := strings.TrimRight(c.BaseURL, "/") + "/chat/completions"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	c.setHeader(request.Header)
	return request, nil
}

func (c *Client) body(ask chat.Request) ([]byte, error) {
	if ask.Raw != nil {
		return c.rawBody(ask)
	}
	wire := wireRequest{
		Model:       ask.ModelID,
		Messages:    make([]wireMessage, len(ask.Messages)),
		Stream:      true,
		Temperature: ask.Temperature,
		MaxTokens:   ask.MaxTokens,
	}
	// OpenRouter always tells the usage; others only when they are asked.
	wire.StreamOptions.IncludeUsage = true
	for i, turn := range ask.Messages {
		wire.Messages[i] = wireMessage{Role: turn.Role, Content: turn.Content}
		if c.OpenRouter {
			wire.Messages[i].ReasoningDetails = json.RawMessage(turn.ReasoningDetails)
		}
	}
	if c.OpenRouter {
		wire.SessionID = ask.Session
	}
	return json.Marshal(wire)
}

func (c *Client) setHeader(header http.Header) {
	header.Set("Content-Type", "application/json")
	header.Set("Accept", sse.ContentType)
	header.Set("User-Agent", "dreamchat")
	if c.Key != "" {
		header.Set("Authorization", "Bearer "+c.Key)
	}
	if !c.OpenRouter {
		return
	}
	if c.AppURL != "" {
		header.Set("HTTP-Referer", c.AppURL)
	}
	if c.AppTitle != "" {
		header.Set("X-OpenRouter-Title", c.AppTitle)
		header.Set("X-Title", c.AppTitle) // the header's older name
	}
}

func isStream(response *http.Response) bool {
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return response.StatusCode == http.StatusOK && err == nil && media == sse.ContentType
}
