package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// uiBodies is how many times larger than others a turn may be: the AI SDK sends
// the whole chat with each, of which we read the newest message.
const uiBodies = 4

// uiTurn is what the AI SDK's DefaultChatTransport posts, and what an application
// may add to it.
type uiTurn struct {
	ID          string            `json:"id" validate:"clientid"`
	Messages    []json.RawMessage `json:"messages"`
	Trigger     string            `json:"trigger" validate:"omitempty,oneof=submit-message regenerate-message"`
	MessageID   string            `json:"messageId" validate:"omitempty,clientid"`
	ModelID     string            `json:"modelId" validate:"max=200"`
	Temperature *float64          `json:"temperature" validate:"omitnil,min=0,max=2"`
	MaxTokens   *int              `json:"maxTokens" validate:"omitnil,min=1,max=200000"`
	Fallbacks   []string          `json:"fallbackModels" validate:"max=5,dive,notblank,max=200"`
}

// ask is what the turn of a user asks for.
func (t *uiTurn) ask(userID string) (chat.Ask, error) {
	ask := chat.Ask{
		UserID:      userID,
		Chat:        t.ID,
		Again:       t.Trigger == "regenerate-message",
		Target:      t.MessageID,
		ModelID:     t.ModelID,
		Fallbacks:   t.Fallbacks,
		Temperature: t.Temperature,
		MaxTokens:   t.MaxTokens,
	}
	newest, wrong := t.newest()
	if newest.Role == string(chat.RoleUser) {
		ask.QuestionID = newest.ID
		ask.Content, wrong = newest.question(t.pointer())
	}
	switch {
	case len(wrong) > 0:
	case ask.QuestionID == "" && !ask.Again:
		wrong = complain(t.pointer(), "must end with a message of the user")
	case ask.QuestionID == "" && ask.Target == "":
		wrong = complain("/messageId", "must name the answer to make again, unless messages ends with its question")
	}
	return ask, invalid(wrong)
}

func complain(pointer, detail string) []problem.Field {
	return []problem.Field{{Pointer: pointer, Detail: detail}}
}

// locate tells where a question stands that is too long.
func (t *uiTurn) locate(err error) error {
	found, ok := errors.AsType[*problem.Error](err)
	if !ok || found.Kind != problem.TooLarge {
		return err
	}
	told := *found
	told.Fields = complain(t.pointer()+"/parts", found.Detail)
	return &told
}

// pointer leads to the newest message.
func (t *uiTurn) pointer() string {
	if len(t.Messages) == 0 {
		return "/messages"
	}
	return fmt.Sprintf("/messages/%d", len(t.Messages)-1)
}

// uiAsked is what we read of a UIMessage.
type uiAsked struct {
	ID    string   `json:"id"`
	Role  string   `json:"role"`
	Parts []uiText `json:"parts"`
}

type uiText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// newest is the last of the messages, if there are any.
func (t *uiTurn) newest() (uiAsked, []problem.Field) {
	var found uiAsked
	if len(t.Messages) == 0 {
		return found, nil
	}
	if err := json.Unmarshal(t.Messages[len(t.Messages)-1], &found); err != nil {
		return uiAsked{}, complain(t.pointer(), "must be a UIMessage, with id, role and parts")
	}
	return found, nil
}

// question is the text of the parts, with a blank line between two. Parts of the
// application's own are not for the model; what else is no text would be lost.
func (m *uiAsked) question(pointer string) (string, []problem.Field) {
	if !clientIDForm.MatchString(m.ID) {
		return "", complain(pointer+"/id", "must have 1 to 200 letters, digits, dots, hyphens, underscores and colons")
	}
	var texts []string
	for i, part := range m.Parts {
		switch {
		case part.Type == "text":
			texts = append(texts, part.Text)
		case !strings.HasPrefix(part.Type, "data-"):
			return "", complain(fmt.Sprintf("%s/parts/%d", pointer, i), "must be a text: nothing else can be asked here")
		}
	}
	content := strings.Join(texts, "\n\n")
	if strings.ContainsRune(content, 0) {
		return "", complain(pointer+"/parts", "must not contain the character U+0000")
	}
	wrong := broken(prompt{Content: content}, nil)
	for i := range wrong {
		wrong[i].Pointer = pointer + "/parts"
	}
	return content, wrong
}
