package llm

import "bytes"

// chunk is one chat.completion.chunk, or what of it matters here. Strings are
// raw: escapes are resolved, but a rune may be cut off at either end, and half
// a surrogate pair stands as the three bytes that UTF-8 would give it. They
// hold until the decoder's next call.
type chunk struct {
	id, model    []byte
	usage, fault []byte // JSON values, nil for none or null
	choice       choice
}

// choice is the first of a chunk's choices.
type choice struct {
	text, reasoning  []byte
	reasoningContent []byte // other vendors' name for reasoning
	details          []byte // reasoning_details, a JSON list, nil for none
	finish           []byte
	fault            []byte // as in chunk
	callsTool        bool
}

// decoder reads chunks in a single pass, without reflection. It skips what
// does not matter, whatever its shape. Of keys that come twice the last one
// counts, and of choices the first. The zero decoder is ready.
type decoder struct {
	scanner
	chunk   chunk
	unquote []byte // where strings with escapes are resolved
}

// decode reads one JSON object. It finds every chunk that is valid JSON
// correct; what is not JSON gives errSyntax, or passes if only a part that is
// skipped is broken. The chunk holds until the next call.
func (d *decoder) decode(data []byte) (*chunk, error) {
	d.scanner = scanner{in: data}
	d.chunk = chunk{}
	d.unquote = d.unquote[:0]
	d.space()
	if d.peek() != '{' {
		return nil, errSyntax
	}
	d.object((*decoder).topField)
	d.space()
	if d.bad || d.at < len(d.in) {
		return nil, errSyntax
	}
	return &d.chunk, nil
}

// object calls field for each member of the object that stands here, with the
// scanner at the member's value; field must take the value.
func (d *decoder) object(field func(*decoder, []byte)) {
	d.at++
	for first := true; ; first = false {
		d.space()
		if d.peek() == '}' && first {
			d.at++
			return
		}
		key := d.key()
		d.space()
		d.expect(':')
		d.space()
		if d.bad {
			return
		}
		field(d, key)
		if !d.more('}') {
			return
		}
	}
}

func (d *decoder) topField(key []byte) {
	switch string(key) {
	case "choices":
		d.choices()
	case "id":
		d.chunk.id = d.stringOrSkip()
	case "model":
		d.chunk.model = d.stringOrSkip()
	case "usage":
		d.chunk.usage = d.valueOrNull()
	case "error":
		d.chunk.fault = d.valueOrNull()
	default:
		d.skip()
	}
}

func (d *decoder) choices() {
	d.chunk.choice = choice{}
	if d.peek() != '[' {
		d.skip()
		return
	}
	d.at++
	for first := true; ; first = false {
		d.space()
		switch {
		case first && d.peek() == ']':
			d.at++
			return
		case first && d.peek() == '{':
			d.object((*decoder).choiceField)
		default:
			d.skip()
		}
		if !d.more(']') {
			return
		}
	}
}

func (d *decoder) choiceField(key []byte) {
	switch string(key) {
	case "delta":
		d.chunk.choice.text = nil
		d.chunk.choice.reasoning, d.chunk.choice.reasoningContent = nil, nil
		d.chunk.choice.details, d.chunk.choice.callsTool = nil, false
		if d.peek() == '{' {
			d.object((*decoder).deltaField)
			return
		}
		d.skip()
	case "finish_reason":
		d.chunk.choice.finish = d.stringOrSkip()
	case "error":
		d.chunk.choice.fault = d.valueOrNull()
	default:
		d.skip()
	}
}

func (d *decoder) deltaField(key []byte) {
	switch string(key) {
	case "content":
		d.chunk.choice.text = d.stringOrSkip()
	case "reasoning":
		d.chunk.choice.reasoning = d.stringOrSkip()
	case "reasoning_content":
		d.chunk.choice.reasoningContent = d.stringOrSkip()
	case "reasoning_details":
		d.chunk.choice.details = d.listOrNothing()
	case "tool_calls":
		d.chunk.choice.callsTool = d.listOrNothing() != nil
	default:
		d.skip()
	}
}

// stringOrSkip takes the value that stands here; it is nil for one that is no
// string.
func (d *decoder) stringOrSkip() []byte {
	if d.peek() == '"' {
		return d.string()
	}
	d.skip()
	return nil
}

// valueOrNull takes the value that stands here, as it is.
func (d *decoder) valueOrNull() []byte {
	if value := d.value(); string(value) != "null" {
		return value
	}
	return nil
}

// listOrNothing takes the value that stands here; it is nil for one that is no list,
// and for an empty one.
func (d *decoder) listOrNothing() []byte {
	if value := d.valueOrNull(); len(value) > len("[]") && value[0] == '[' {
		return value
	}
	return nil
}

// key takes a string that is short and rarely has escapes.
func (d *decoder) key() []byte {
	if d.peek() == '"' {
		rest := d.in[d.at+1:]
		for i, c := range rest {
			if c == '"' {
				d.at += i + 2
				return rest[:i]
			}
			if c == '\\' {
				break
			}
		}
	}
	return d.string()
}

// string takes a string and resolves its escapes.
func (d *decoder) string() []byte {
	raw := d.rawString()
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	from := len(d.unquote)
	var ok bool
	if d.unquote, ok = appendUnquoted(d.unquote, raw); !ok {
		d.bad = true
	}
	return d.unquote[from:]
}
