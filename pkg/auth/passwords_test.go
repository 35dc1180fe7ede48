package auth_test

import (
	"errors"
	"strings"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

func TestPasswordMatchesItsOwnHashOnly(t *testing.T) {
	passwords := auth.NewPasswords(0)
	password := "correct horse 🐎 battery"
	hash, err := passwords.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s has other parameters", hash)
	}
	for candidate, want := range map[string]bool{
		password:                  true,
		"":                        false,
		password + " ":            false,
		password + "\x00":         false,
		"Correct horse 🐎 battery": false,
		strings.Repeat("a", auth.MaxPasswordBytes+1): false,
	} {
		if got, err := passwords.Matches(t.Context(), candidate, hash); err != nil || got != want {
			t.Errorf("Matches(%.30q) = %v, %v, want %v", candidate, got, err, want)
		}
	}
	again, err := passwords.Hash(t.Context(), password)
	if err != nil || again == hash {
		t.Errorf("a second hash is the same: %v, %v", again == hash, err)
	}
}

// vectors are hashes of "password", the first dearer than new ones and the others
// cheaper, from the test vectors of the reference implementation.
//
//nolint:gochecknoglobals // never written
var vectors = []string{
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
}

func TestPasswordHashesOfOtherParametersMatch(t *testing.T) {
	for _, hash := range vectors {
		passwords := auth.NewPasswords(1)
		if matches, err := passwords.Matches(t.Context(), "password", hash); err != nil || !matches {
			t.Errorf("Matches(%s) = %v, %v, want true", hash, matches, err)
		}
		if matches, err := passwords.Matches(t.Context(), "differentpassword", hash); err != nil || matches {
			t.Errorf("another password: Matches(%s) = %v, %v, want false", hash, matches, err)
		}
	}
}

func TestStoredHashesBeyondBoundsAreRefused(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, hash := range []string{
		"",
		"plain",
		"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2$" + salt + "$" + key,
		"$argon2id$v=19$t=2,m=19456,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4194304,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=99999999999,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=1000,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=256$" + salt + "$" + key,
		"$argon2id$v=19$m=+19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$c2g$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$c2g",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 88),
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$!!!!$" + key,
	} {
		matches, err := auth.NewPasswords(1).Matches(t.Context(), "password", hash)
		if matches || err == nil || !errors.Is(problem.From(err), problem.Internal) {
			t.Errorf("Matches(%q) = %v, %v, want an internal error", hash, matches, err)
		}
	}
}

func TestLongPasswordIsRefusedByField(t *testing.T) {
	_, err := auth.NewPasswords(1).Hash(t.Context(), strings.Repeat("a", auth.MaxPasswordBytes+1))
	found := problem.From(err)
	if found.Kind != problem.Invalid || len(found.Fields) != 1 || found.Fields[0].Pointer != "/password" {
		t.Errorf("Hash: %v with fields %v", err, found.Fields)
	}
}
