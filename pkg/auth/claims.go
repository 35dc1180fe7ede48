package auth

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/problem"
)

const (
	// maxSubject bounds whom a token may speak for, in bytes.
	maxSubject = 255
	// lastSecond is the end of the year 9999, beyond which times are not written.
	lastSecond = 253402300799
)

// claims is what a token of ours is made of.
type claims struct {
	Role Role `json:"role"`
	// SessionID is empty in what was made before sessions had ids.
	SessionID string `json:"sid,omitempty"`
	jwt.RegisteredClaims
}

// body is what a token says, by exact names: to read it into a struct would take
// "Role", which an issuer may leave to its users, for "role".
type body struct {
	jwt.RegisteredClaims // what the parser asks for, and never used
	members              map[string]any
}

var errTwice = errors.New("auth: a claim comes twice")

// UnmarshalJSON refuses names that come twice (RFC 7519, section 4): whoever else
// reads the token might believe the other one.
func (b *body) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &b.members); err != nil {
		return err
	}
	if len(b.members) != countMembers(text) {
		return errTwice
	}
	return nil
}

// countMembers counts the members of an object that is known to be good JSON.
func countMembers(object []byte) int {
	count, depth, quoted := 0, 0, false
	for i := 0; i < len(object); i++ {
		switch c := object[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			count++
		}
	}
	return count
}

// text is a claim that is text and not empty, else "".
func (b *body) text(name string) string {
	text, _ := b.members[name].(string)
	return text
}

// subject is whom the token speaks for. What is not UTF-8 has become U+FFFD by
// now, so that two subjects could look like one.
func (b *body) subject() (string, error) {
	subject := b.text("sub")
	if subject == "" || len(subject) > maxSubject || strings.ContainsAny(subject, "\x00"+string(utf8.RuneError)) {
		return "", wrongClaims("sub")
	}
	return subject, nil
}

// audiences are one text or a list of them; anything else is none.
func (b *body) audiences() []string {
	switch found := b.members["aud"].(type) {
	case string:
		return []string{found}
	case []any:
		var all []string
		for _, one := range found {
			text, ok := one.(string)
			if !ok {
				return nil
			}
			all = append(all, text)
		}
		return all
	default:
		return nil
	}
}

// isFor tells whether the token may be used for one of these.
func (b *body) isFor(audiences []string) bool {
	return slices.ContainsFunc(b.audiences(), func(one string) bool { return slices.Contains(audiences, one) })
}

// moment is a claim that is a time; without one it is the zero time.
func (b *body) moment(name string) (time.Time, error) {
	value, there := b.members[name]
	if !there {
		return time.Time{}, nil
	}
	seconds, ok := value.(float64)
	if !ok || seconds < 0 || seconds > lastSecond {
		return time.Time{}, wrongClaims(name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*float64(time.Second))).UTC(), nil
}

// expiry is when the token ends, once it is good now.
func (b *body) expiry(now time.Time) (time.Time, error) {
	expires, err := b.moment("exp")
	if err != nil {
		return time.Time{}, err
	}
	if expires.IsZero() {
		return time.Time{}, wrongClaims("exp")
	}
	for _, name := range []string{"iat", "nbf"} {
		begins, err := b.moment(name)
		switch {
		case err != nil:
			return time.Time{}, err
		case !begins.IsZero() && !begins.Before(expires):
			return time.Time{}, wrongClaims("exp")
		case begins.After(now.Add(leeway)):
			return time.Time{}, problem.TokenNotYetValid.New("The token is not valid yet.")
		}
	}
	if !now.Before(expires.Add(leeway)) {
		return time.Time{}, problem.TokenExpired.New("The token has expired.")
	}
	return expires, nil
}

func wrongClaims(name string) *problem.Error {
	return problem.TokenClaims.New("The token's claim " + name + " is missing or not one that is accepted.")
}
