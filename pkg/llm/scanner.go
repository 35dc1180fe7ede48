package llm

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

var errSyntax = errors.New("llm: not a JSON object")

// scanner steps through JSON. Once bad is set it is at an end: peek gives 0.
type scanner struct {
	in  []byte
	at  int
	bad bool
}

func (s *scanner) peek() byte {
	if s.bad || s.at >= len(s.in) {
		return 0
	}
	return s.in[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.in) && s.in[s.at] <= ' ' {
		if c := s.in[s.at]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return
		}
		s.at++
	}
}

func (s *scanner) expect(c byte) {
	if s.peek() != c {
		s.bad = true
		return
	}
	s.at++
}

// more takes the comma after a member or element and tells that another one
// follows, or takes the end.
func (s *scanner) more(end byte) bool {
	s.space()
	if s.peek() == ',' {
		s.at++
		return true
	}
	s.expect(end)
	return false
}

// rawString takes a string and returns what stands between its quotes.
func (s *scanner) rawString() []byte {
	s.expect('"')
	if s.bad {
		return nil
	}
	from := s.at
	quote := bytes.IndexByte(s.in[from:], '"')
	if quote > 0 && s.in[from+quote-1] == '\\' {
		quote = closingQuote(s.in[from:])
	}
	if quote < 0 {
		s.bad = true
		return nil
	}
	s.at = from + quote + 1
	return s.in[from : from+quote]
}

// closingQuote finds the first quote that is not escaped.
func closingQuote(in []byte) int {
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// skip takes any value. Brackets need to be balanced, not to match.
func (s *scanner) skip() {
	switch s.peek() {
	case '"':
		s.rawString()
	case '{', '[':
		s.skipNested()
	default:
		s.skipScalar()
	}
}

func (s *scanner) skipNested() {
	for depth := 0; ; {
		switch s.peek() {
		case 0:
			s.bad = true
			return
		case '"':
			s.rawString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// skipScalar takes a number, true, false or null.
func (s *scanner) skipScalar() {
	from := s.at
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			s.bad = s.bad || s.at == from
			return
		case '"', '{', '[', ':':
			s.bad = true
			return
		}
		s.at++
	}
	s.bad = s.bad || s.at == from
}

// appendUnquoted resolves the escapes of a raw string. Two escaped halves of
// a surrogate pair become one rune; one alone becomes three bytes.
func appendUnquoted(dst, raw []byte) ([]byte, bool) {
	for {
		escape := bytes.IndexByte(raw, '\\')
		if escape < 0 {
			return append(dst, raw...), true
		}
		dst = append(dst, raw[:escape]...)
		raw = raw[escape+1:]
		if len(raw) == 0 {
			return dst, false
		}
		if raw[0] != 'u' {
			c := unescaped(raw[0])
			if c == 0 {
				return dst, false
			}
			dst, raw = append(dst, c), raw[1:]
			continue
		}
		unit, ok := hex4(raw[1:])
		if !ok {
			return dst, false
		}
		dst, raw = appendUnit(dst, unit), raw[5:]
	}
}

func unescaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return 0
	}
}

func hex4(raw []byte) (unit rune, ok bool) {
	if len(raw) < 4 {
		return 0, false
	}
	for _, c := range raw[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}

// appendUnit appends one UTF-16 unit: a rune, or half a surrogate pair in the
// three bytes that [mender] puts together.
func appendUnit(dst []byte, unit rune) []byte {
	if unit < 0xD800 || unit > 0xDFFF {
		return utf8.AppendRune(dst, unit)
	}
	return append(dst, 0xED, 0x80|byte(unit>>6&0x3F), 0x80|byte(unit&0x3F))
}
