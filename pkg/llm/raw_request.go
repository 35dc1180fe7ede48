package llm

import (
	"bytes"
	"encoding/json"
	"maps"

	"dreamchat/pkg/chat"
)

// rawBody is the body of a request as its caller wrote it, with what is ours to
// say. Numbers stay digit by digit as they are.
func (c *Client) rawBody(ask chat.Request) ([]byte, error) {
	members := maps.Clone(ask.Raw.Members)
	if members == nil {
		members = make(map[string]json.RawMessage)
	}
	set := func(name string, value any) error {
		text, err := json.Marshal(value)
		members[name] = text
		return err
	}
	if err := set("model", ask.ModelID); err != nil {
		return nil, err
	}
	if err := set("stream", ask.Raw.Stream); err != nil {
		return nil, err
	}
	if ask.Raw.Stream {
		options := make(map[string]json.RawMessage)
		if told := members["stream_options"]; told != nil {
			if err := json.Unmarshal(told, &options); err != nil {
				return nil, err
			}
		}
		if options == nil { // null
			options = make(map[string]json.RawMessage)
		}
		options["include_usage"] = json.RawMessage("true")
		if err := set("stream_options", options); err != nil {
			return nil, err
		}
	}
	if c.OpenRouter && ask.Session != "" {
		if err := set("session_id", ask.Session); err != nil {
			return nil, err
		}
	}
	return encode(members)
}

// encode writes JSON without escapes that are for HTML only.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}
