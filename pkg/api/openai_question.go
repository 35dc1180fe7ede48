package api

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	maxQuestion = 50_000 // characters, as in prompt
	maxParts    = 32
	maxPartURL  = 500
)

// completionPart is one part of a message's content, or what of it is kept.
type completionPart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// question is what is kept of the request: the text of the user's last message,
// and a note of what else that holds.
func (r *completionRequest) question() (string, chat.Metadata, error) {
	for i := len(r.messages) - 1; i >= 0; i-- {
		if r.messages[i].Role != string(chat.RoleUser) {
			continue
		}
		text, notes := r.messages[i].content()
		switch {
		case strings.ContainsRune(text, 0):
			return "", nil, malformed("/messages", "must not contain the character U+0000 where they are kept")
		case utf8.RuneCountInString(text) > maxQuestion:
			return "", nil, problem.TooLarge.New("The question is too long to be kept.").With("limit", maxQuestion)
		case strings.TrimSpace(text) != "" || notes != nil:
			return text, notes, nil
		}
		break
	}
	return "", nil, invalid([]problem.Field{{Pointer: "/messages", Detail: "must hold a question of the user to be kept with store"}})
}

// content reads the text of a message. Of its other parts it makes notes.
func (t *completionTurn) content() (string, chat.Metadata) {
	var text string
	if json.Unmarshal(t.Content, &text) == nil {
		return text, nil
	}
	var parts []completionPart
	if json.Unmarshal(t.Content, &parts) != nil {
		return "", nil
	}
	var texts []string
	var notes []any
	for _, part := range parts {
		if part.Type == "text" {
			texts = append(texts, part.Text)
		} else if len(notes) < maxParts {
			notes = append(notes, part.note())
		}
	}
	if notes == nil {
		return strings.Join(texts, "\n"), nil
	}
	return strings.Join(texts, "\n"), chat.Metadata{"parts": notes}
}

// note says what a part is, but does not hold it: images are large.
func (p *completionPart) note() map[string]any {
	note := map[string]any{"type": clean(p.Type)}
	url := p.ImageURL.URL
	if head, data, inline := strings.Cut(url, ","); inline && strings.HasPrefix(head, "data:") {
		media, _, _ := strings.Cut(strings.TrimPrefix(head, "data:"), ";")
		note["mediaType"], note["size"] = clean(media), len(data)
	} else if url != "" {
		note["url"] = clean(url)
	}
	return note
}

// clean bounds what a caller made up, for every database to take it.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	return strings.ToValidUTF8(text[:min(len(text), maxPartURL)], "")
}
