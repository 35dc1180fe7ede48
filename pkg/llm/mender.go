package llm

import (
	"bytes"
	"unicode/utf8"
)

// mender makes valid UTF-8 of text that was cut anywhere. It keeps what may
// become a rune with the next piece: the first bytes of one, or the first half
// of a surrogate pair. Stray halves, bytes that are no UTF-8 and U+0000 become
// U+FFFD. The zero mender is ready.
type mender struct {
	kept [3]byte
	n    int
}

// mend returns what is whole of the pieces so far.
func (m *mender) mend(piece []byte) string {
	if m.n == 0 && utf8.Valid(piece) && bytes.IndexByte(piece, 0) < 0 {
		return string(piece)
	}
	in := append(m.kept[:m.n:m.n], piece...)
	m.n = 0
	out := make([]byte, 0, len(in)+utf8.UTFMax)
	for len(in) > 0 {
		r, size := nextRune(in)
		if size == 0 {
			m.n = copy(m.kept[:], in)
			break
		}
		out = utf8.AppendRune(out, r)
		in = in[size:]
	}
	return string(out)
}

// flush returns what stands for the half that is kept, if any.
func (m *mender) flush() string {
	if m.n == 0 {
		return ""
	}
	m.n = 0
	return string(utf8.RuneError)
}

// nextRune returns the first rune and its size, 0 if more bytes may complete
// it.
func nextRune(in []byte) (rune, int) {
	r, size := utf8.DecodeRune(in)
	switch {
	case r == 0:
		return utf8.RuneError, 1
	case r != utf8.RuneError || size > 1:
		return r, size
	case !utf8.FullRune(in):
		return 0, 0
	}
	high := surrogate(in)
	switch {
	case high == 0:
		return utf8.RuneError, 1
	case high >= 0xDC00:
		return utf8.RuneError, 3
	}
	return pair(high, in[3:])
}

// pair joins the first half of a surrogate pair with the second, if that is
// what follows.
func pair(high rune, rest []byte) (rune, int) {
	low := surrogate(rest)
	switch {
	case low >= 0xDC00:
		return 0x10000 + (high-0xD800)<<10 + (low - 0xDC00), 6
	case len(rest) == 0:
		return 0, 0
	default:
		return utf8.RuneError, 3
	}
}

// surrogate decodes the three bytes of half a pair, 0 if that is not there.
func surrogate(in []byte) rune {
	if len(in) < 3 || in[0] != 0xED || in[1]&0xE0 != 0xA0 || in[2]&0xC0 != 0x80 {
		return 0
	}
	return 0xD000 | rune(in[1]&0x3F)<<6 | rune(in[2]&0x3F)
}
