package api

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strconv"

	"dreamchat/pkg/problem"
)

// The bounds of JSON, whoever decodes it.
const (
	maxDepth   = 64
	maxEntries = 10_000
	// maxPointer bounds what is told of a place, in bytes.
	maxPointer = 500
)

// checkShape refuses JSON that is nested too deeply, holds too much in one array
// or object, or a name twice in one object, which each reader would take in its
// own way (RFC 8259, section 4). It takes one pass, in constant memory save for
// the names of the objects that are open. What is not well-formed may pass.
func checkShape(body []byte) error {
	s := shape{body: body, seed: maphash.MakeSeed()}
	for ; s.at < len(body); s.at++ {
		var err error
		switch body[s.at] {
		case '{', '[':
			err = s.enter()
		case '}', ']':
			s.leave()
		case ',':
			err = s.next()
		case '"':
			err = s.text()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shape is a place in JSON.
type shape struct {
	body []byte
	at   int
	open []container
	// names are those of the open objects.
	names [][]byte
	seed  maphash.Seed
	// spare are sets that are empty again.
	spare []map[uint64]struct{}
}

// container is an array or object that is open.
type container struct {
	object bool
	// naming tells whether the next text is a name.
	naming bool
	// entries are those before the one that is being read.
	entries int
	// names is how many names there were when it opened.
	names int
	// seen holds the hashes of its names once they are many.
	seen map[uint64]struct{}
}

func (s *shape) enter() error {
	if len(s.open) == maxDepth {
		return s.refuse("The body is nested too deeply.").With("limit", maxDepth)
	}
	object := s.body[s.at] == '{'
	s.open = append(s.open, container{object: object, naming: object, names: len(s.names)})
	return nil
}

func (s *shape) leave() {
	last := len(s.open) - 1
	if last < 0 {
		return
	}
	if seen := s.open[last].seen; seen != nil {
		clear(seen)
		s.spare = append(s.spare, seen)
	}
	s.names = s.names[:s.open[last].names]
	s.open = s.open[:last]
}

func (s *shape) next() error {
	if len(s.open) == 0 {
		return nil
	}
	last := &s.open[len(s.open)-1]
	last.entries++
	last.naming = last.object
	if last.entries < maxEntries {
		return nil
	}
	return s.refuseAt(len(s.open)-1, "An array or object of the body holds too much.",
		"must have at most "+strconv.Itoa(maxEntries)+" entries").With("limit", maxEntries)
}

// text goes to the end of a text, and looks at it if it is a name.
func (s *shape) text() error {
	start := s.at + 1
	s.at = endOfText(s.body, start)
	if len(s.open) == 0 {
		return nil
	}
	last := &s.open[len(s.open)-1]
	if !last.naming {
		return nil
	}
	last.naming = false
	name := s.body[start:min(s.at, len(s.body))]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = unescape(name)
	}
	known := s.knows(last, name)
	s.names = append(s.names, name)
	if known {
		return s.refuseAt(len(s.open), "An object of the body holds a name twice.", "must stand once in its object")
	}
	return nil
}

// few is how many names are compared one by one.
const few = 16

// knows tells whether the object has the name already. A long object remembers the
// hashes of its names, since comparing them all would take the square of their number.
func (s *shape) knows(object *container, name []byte) bool {
	names := s.names[object.names:]
	if len(names) < few {
		return contains(names, name)
	}
	if object.seen == nil {
		object.seen = s.set()
		for _, known := range names {
			object.seen[maphash.Bytes(s.seed, known)] = struct{}{}
		}
	}
	before := len(object.seen)
	object.seen[maphash.Bytes(s.seed, name)] = struct{}{}
	return len(object.seen) == before && contains(names, name)
}

func (s *shape) set() map[uint64]struct{} {
	if last := len(s.spare) - 1; last >= 0 {
		set := s.spare[last]
		s.spare = s.spare[:last]
		return set
	}
	return make(map[uint64]struct{}, 4*few)
}

func contains(names [][]byte, name []byte) bool {
	return slices.ContainsFunc(names, func(known []byte) bool { return bytes.Equal(known, name) })
}

// endOfText finds the quote that ends a text, or the end of the body.
func endOfText(body []byte, start int) int {
	for at := start; ; at++ {
		step := bytes.IndexByte(body[at:], '"')
		if step < 0 {
			return len(body)
		}
		at += step
		escapes := 0
		for at-escapes > start && body[at-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
}

// unescape reads a name. One that cannot be read is told when it is decoded.
func unescape(name []byte) []byte {
	var text string
	quoted := append(append([]byte{'"'}, name...), '"')
	if json.Unmarshal(quoted, &text) != nil {
		return name
	}
	return []byte(text)
}

func (s *shape) refuse(detail string) *problem.Error {
	return problem.Malformed.New(detail).With("offset", min(s.at+1, len(s.body)))
}

// refuseAt names the place too, down to so many containers, unless it lies too far
// inside to be told.
func (s *shape) refuseAt(depth int, detail, rule string) *problem.Error {
	found := s.refuse(detail)
	if pointer := s.pointer(depth); pointer != "" && len(pointer) <= maxPointer {
		found.Fields = []problem.Field{{Pointer: pointer, Detail: rule}}
	}
	return found
}

// pointer leads through so many of the open containers (RFC 6901).
func (s *shape) pointer(depth int) string {
	var pointer []byte
	for i, container := range s.open[:depth] {
		pointer = append(pointer, '/')
		if !container.object {
			pointer = strconv.AppendInt(pointer, int64(container.entries), 10)
			continue
		}
		end := len(s.names)
		if i+1 < len(s.open) {
			end = s.open[i+1].names
		}
		if end > container.names {
			pointer = append(pointer, escapePointer(string(s.names[end-1]))...)
		}
	}
	return string(pointer)
}
