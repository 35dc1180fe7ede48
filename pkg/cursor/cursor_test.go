package cursor_test

import (
	"errors"
	"testing"

	"dreamchat/pkg/cursor"
	"dreamchat/pkg/problem"
)

func TestACursorIsGoodForItsListAndKeyOnly(t *testing.T) {
	t.Parallel()
	key := cursor.Key("0123456789abcdef0123456789abcdef")
	for _, place := range []string{"", "here", "\x00\xff far along"} {
		sealed := key.Seal("list", []byte(place))
		if got, err := key.Open("list", sealed); err != nil || string(got) != place {
			t.Errorf("%q is opened as %q, %v", place, got, err)
		}
		other := cursor.Key("another key of some thirty bytes")
		for name, open := range map[string]func() ([]byte, error){
			"another list": func() ([]byte, error) { return key.Open("list2", sealed) },
			"another key":  func() ([]byte, error) { return other.Open("list", sealed) },
			"longer":       func() ([]byte, error) { return key.Open("list", sealed+"A") },
			"shorter":      func() ([]byte, error) { return key.Open("list", sealed[1:]) },
			"empty":        func() ([]byte, error) { return key.Open("list", "") },
			"no base64":    func() ([]byte, error) { return key.Open("list", "!"+sealed) },
		} {
			if got, err := open(); !errors.Is(err, problem.InvalidCursor) || got != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}
