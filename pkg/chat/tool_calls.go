package chat

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// ToolCall is a call that a model wants to be made, or a piece of one.
type ToolCall struct {
	// Index tells the calls of one answer apart.
	Index int    `json:"-"`
	ID    string `json:"id"`
	// Type is what is called, such as "function".
	Type string `json:"type"`
	Name string `json:"name"`
	// Arguments is what it is called with: JSON, if the model keeps to what it was
	// told.
	Arguments string `json:"arguments"`
}

// What is kept in the metadata of an answer of the calls that it asks for.
const (
	metadataToolCalls = "toolCalls"
	metadataCallsCut  = "toolCallsCut"

	maxToolCalls = 128
	maxToolBytes = 256 << 10
)

// toolCalls puts the calls of one answer together.
type toolCalls struct {
	calls []*toolCall
	size  int
	cut   bool // whether there were more than are kept
}

type toolCall struct {
	ToolCall

	arguments strings.Builder
}

func (t *toolCalls) add(pieces []ToolCall) {
	for _, piece := range pieces {
		t.size += len(piece.ID) + len(piece.Type) + len(piece.Name) + len(piece.Arguments)
		call := t.find(piece.Index)
		if call == nil || t.size > maxToolBytes {
			t.cut = true
			return
		}
		for to, from := range map[*string]string{&call.ID: piece.ID, &call.Type: piece.Type, &call.Name: piece.Name} {
			if *to == "" {
				*to = from
			}
		}
		call.arguments.WriteString(piece.Arguments)
	}
}

// find returns the call of an index, a new one if need be; nil beyond the bound.
func (t *toolCalls) find(index int) *toolCall {
	for _, call := range t.calls {
		if call.Index == index {
			return call
		}
	}
	if len(t.calls) == maxToolCalls {
		return nil
	}
	call := &toolCall{ToolCall: ToolCall{Index: index}}
	t.calls = append(t.calls, call)
	return call
}

// keep returns the metadata with the calls. It is a copy, since the answer as it
// began is being told to its reader.
func (t *toolCalls) keep(metadata Metadata) Metadata {
	if len(t.calls) == 0 {
		return metadata
	}
	kept := maps.Clone(metadata)
	if kept == nil {
		kept = Metadata{}
	}
	slices.SortFunc(t.calls, func(a, b *toolCall) int { return a.Index - b.Index })
	list := make([]ToolCall, 0, len(t.calls))
	for _, call := range t.calls {
		made := call.ToolCall
		made.Arguments = call.arguments.String()
		list = append(list, made)
	}
	kept[metadataToolCalls] = list
	if t.cut {
		kept[metadataCallsCut] = true
	}
	return kept
}

// ToolCalls are the calls that a finished answer asks for, in order.
func (m *Message) ToolCalls() []ToolCall {
	// It is a list of ours, or what JSON has made of one.
	text, err := json.Marshal(m.Metadata[metadataToolCalls])
	if err != nil {
		return nil
	}
	var calls []ToolCall
	if json.Unmarshal(text, &calls) != nil {
		return nil
	}
	for i := range calls {
		calls[i].Index = i
	}
	return calls
}
