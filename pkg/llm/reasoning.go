package llm

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const (
	// maxDetails bounds the reasoning details of an answer, in bytes. Of more than
	// that none are kept: a provider wants all of them back or nothing.
	maxDetails = 256 << 10
	// memberOverhead is what holds one member of a block.
	memberOverhead = 48
)

// details gathers OpenRouter's reasoning_details from the pieces in which they are
// streamed, to be sent back unchanged. Pieces of a text or of a summary are joined
// if they have the same type, index and id; a signature may come in a piece of its
// own. All else is kept as it is. The zero value is ready.
type details struct {
	blocks []block
	piece  block // where each piece is read, one after the other
	size   int
	lost   bool // there was too much, or what cannot be read
}

// block is one entry of the list.
type block []member

// member is a member of a JSON object, both parts as JSON.
type member struct{ name, value []byte }

// add takes in the list of one delta.
func (d *details) add(list []byte) {
	if d.lost {
		return
	}
	if !eachBlock(list, &d.piece, d.put) || d.size > maxDetails {
		*d = details{lost: true}
	}
}

// whole is the list as JSON, empty if there is none to be kept.
func (d *details) whole() string {
	if len(d.blocks) == 0 {
		return ""
	}
	list := append(make([]byte, 0, d.size), '[')
	for i, b := range d.blocks {
		if i > 0 {
			list = append(list, ',')
		}
		list = b.append(list)
	}
	list = append(list, ']')
	if !json.Valid(list) || !utf8.Valid(list) {
		return ""
	}
	return string(list)
}

func (b block) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, m.name...), ':'), m.value...)
	}
	return append(dst, '}')
}

// put adds the piece that was read to the block that it goes on, or as a new one.
func (d *details) put() {
	into := d.find()
	for _, m := range d.piece {
		d.size += len(m.value)
		held := into.member(m.name)
		switch {
		case held == nil:
			d.size += len(m.name) + memberOverhead
			*into = append(*into, member{bytes.Clone(m.name), bytes.Clone(m.value)})
		case isText(m.name) && isString(held.value) && isString(m.value):
			held.value = append(held.value[:len(held.value)-1], m.value[1:]...)
		case string(m.value) != "null":
			held.value = bytes.Clone(m.value)
		}
	}
}

// find looks for the block that the piece goes on; without an index that can only be
// the last one.
func (d *details) find() *block {
	kind, index := d.piece.value(`"type"`), d.piece.value(`"index"`)
	if string(kind) == `"reasoning.text"` || string(kind) == `"reasoning.summary"` {
		for i := len(d.blocks) - 1; i >= 0; i-- {
			if d.blocks[i].goesOn(d.piece, kind, index) {
				return &d.blocks[i]
			}
			if index == nil {
				break
			}
		}
	}
	d.blocks = append(d.blocks, nil)
	return &d.blocks[len(d.blocks)-1]
}

// goesOn tells whether the piece belongs to the block.
func (b block) goesOn(piece block, kind, index []byte) bool {
	id, other := b.value(`"id"`), piece.value(`"id"`)
	return bytes.Equal(b.value(`"type"`), kind) && bytes.Equal(b.value(`"index"`), index) &&
		(id == nil || other == nil || bytes.Equal(id, other))
}

// value is that of the member with this name, nil for none or null.
func (b block) value(name string) []byte {
	for _, m := range b {
		if string(m.name) == name && string(m.value) != "null" {
			return m.value
		}
	}
	return nil
}

func (b block) member(name []byte) *member {
	for i := range b {
		if bytes.Equal(b[i].name, name) {
			return &b[i]
		}
	}
	return nil
}

func isText(name []byte) bool { return string(name) == `"text"` || string(name) == `"summary"` }

func isString(value []byte) bool { return len(value) >= 2 && value[0] == '"' }

// appendReasoning appends what a list of reasoning details says to people, raw as
// in chunk.
func appendReasoning(dst, list []byte, piece *block) []byte {
	eachBlock(list, piece, func() {
		for _, m := range *piece {
			if isText(m.name) && isString(m.value) {
				dst, _ = appendUnquoted(dst, m.value[1:len(m.value)-1])
			}
		}
	})
	return dst
}

// eachBlock reads a list of objects, one after the other, into the piece, and calls
// next after each. The piece holds until the next one and as long as the list. It
// tells whether the list could be read.
func eachBlock(list []byte, piece *block, next func()) bool {
	s := scanner{in: list}
	s.expect('[')
	for first := true; ; first = false {
		s.space()
		if first && s.peek() == ']' {
			s.at++
			return !s.bad
		}
		if s.readBlock(piece); s.bad {
			return false
		}
		next()
		if !s.more(']') {
			return !s.bad
		}
	}
}

func (s *scanner) readBlock(piece *block) {
	*piece = (*piece)[:0]
	s.expect('{')
	for first := true; ; first = false {
		s.space()
		if first && s.peek() == '}' {
			s.at++
			return
		}
		name := s.value()
		s.space()
		s.expect(':')
		s.space()
		value := s.value()
		*piece = append(*piece, member{name, value})
		if !s.more('}') {
			return
		}
	}
}

// value takes any value, as it is.
func (s *scanner) value() []byte {
	from := s.at
	s.skip()
	return s.in[from:s.at]
}
