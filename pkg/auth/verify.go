package auth

import (
	"crypto"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/problem"
)

const (
	// leeway is how far the clocks of two machines may differ.
	leeway = 5 * time.Second
	// maxToken bounds what is looked at, in bytes; ours take about 500.
	maxToken = 8 << 10
	// maxKeyID bounds the name of a key, in bytes.
	maxKeyID = 256
)

// VerificationKey checks the signatures of one algorithm.
type VerificationKey struct {
	// Algorithm is "EdDSA" for an ed25519.PublicKey, "RS256" for an
	// *rsa.PublicKey.
	Algorithm string
	Public    crypto.PublicKey
}

// rules are what is asked of the tokens of one issuer.
type rules struct {
	// key finds a key of the issuer by its name, else problem.TokenKeyUnknown.
	key func(keyID string) (VerificationKey, error)
	// audiences are what a token may be for; one of them is enough.
	audiences []string
	// claims checks what is asked beside audience, subject and times.
	claims func(b *body) error
}

// verified is a token that is good.
type verified struct {
	*body
	subject string
	expires time.Time
}

// parser leaves the claims to us.
//
//nolint:gochecknoglobals // made once for all requests, never written afterwards
var parser = jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())

// verify checks a token by the rules of the issuer that it names. The first check
// that fails names the kind of problem, in the order of the kinds, so that nobody
// learns more about a token that its issuer did not sign, and so that
// problem.TokenExpired means one that was good.
func verify(token string, rulesOf func(issuer string) (rules, bool)) (verified, error) {
	if len(token) > maxToken {
		return verified{}, problem.TokenMalformed.New("The token is too long.")
	}
	var of rules
	said := new(body)
	keyFor := func(token *jwt.Token) (any, error) {
		if !isAccepted(token) {
			return nil, wrongAlgorithm(nil)
		}
		var ok bool
		if of, ok = rulesOf(said.text("iss")); !ok {
			return nil, problem.TokenIssuer.New("The token is not of an issuer whose tokens are accepted.")
		}
		return of.keyOf(token)
	}
	if _, err := parser.ParseWithClaims(token, said, keyFor); err != nil {
		return verified{}, refusal(err)
	}
	return of.check(said)
}

// isAccepted tells whether the token is signed as ours and those of other issuers
// may be. Who does not know what the header calls critical must not accept the
// token (RFC 7515, section 4.1.11), and we know nothing of that kind.
func isAccepted(token *jwt.Token) bool {
	_, critical := token.Header["crit"]
	algorithm := token.Method.Alg()
	return !critical && (algorithm == jwt.SigningMethodEdDSA.Alg() || algorithm == jwt.SigningMethodRS256.Alg())
}

// keyOf finds the key by its name alone: a key or an address in the header is the
// word of whoever made the token.
func (r rules) keyOf(token *jwt.Token) (crypto.PublicKey, error) {
	keyID, _ := token.Header["kid"].(string)
	if keyID == "" || len(keyID) > maxKeyID {
		return nil, unknownKey()
	}
	key, err := r.key(keyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != token.Method.Alg() {
		return nil, wrongAlgorithm(nil)
	}
	return key.Public, nil
}

// check is for a token that is signed by its issuer.
func (r rules) check(said *body) (verified, error) {
	if !said.isFor(r.audiences) {
		return verified{}, problem.TokenAudience.New("The token is meant for something else.")
	}
	subject, err := said.subject()
	if err != nil {
		return verified{}, err
	}
	if err := r.claims(said); err != nil {
		return verified{}, err
	}
	expires, err := said.expiry(time.Now())
	if err != nil {
		return verified{}, err
	}
	return verified{body: said, subject: subject, expires: expires}, nil
}

// refusal says why the parser did not take a token.
func refusal(err error) error {
	known, ok := errors.AsType[*problem.Error](err)
	switch {
	case ok:
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return problem.TokenMalformed.Because(err, "The token is not a signed JWT.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return problem.TokenSignature.Because(err, "The token's signature is wrong.")
	default: // the parser does not know the algorithm
		return wrongAlgorithm(err)
	}
}

func wrongAlgorithm(cause error) error {
	return problem.TokenAlgorithm.Because(cause, "The token is signed in a way that is not accepted.")
}

func unknownKey() error {
	return problem.TokenKeyUnknown.New("The token names a key that its issuer does not have.")
}
