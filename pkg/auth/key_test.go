package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/auth"
)

func pemOf(t *testing.T, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestKeyIDIsTheThumbprintOfTheSpecification(t *testing.T) {
	// RFC 8037, appendices A.1 to A.3.
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.ParseKey(pemOf(t, ed25519.NewKeyFromSeed(seed)))
	if err != nil {
		t.Fatal(err)
	}
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; key.ID() != want {
		t.Errorf("ID = %s, want %s", key.ID(), want)
	}
	tokens := auth.Tokens{Keys: auth.NewSigningKeys(key, nil, slog.New(slog.DiscardHandler)), Issuer: issuer}
	if x, want := tokens.JWKS().Keys[0].X, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"; x != want {
		t.Errorf("x = %s, want %s", x, want)
	}
}

func TestPrintedKeyTellsNoSecret(t *testing.T) {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, key); text != key.ID() {
			t.Errorf("%s prints %q, want the id only", verb, text)
		}
	}
}

func TestDerivedSecretsDependOnKeyAndPurpose(t *testing.T) {
	key, other := newTokens(t).Keys.Root(), newTokens(t).Keys.Root()
	secret := key.Derive("cursors")
	if len(secret) != 32 {
		t.Errorf("%d bytes, want 32", len(secret))
	}
	if !bytes.Equal(secret, key.Derive("cursors")) {
		t.Error("the same purpose gives another secret")
	}
	if bytes.Equal(secret, key.Derive("others")) || bytes.Equal(secret, other.Derive("cursors")) {
		t.Error("another purpose or key gives the same secret")
	}
}

func TestParseKeyRefusesWhatIsNoEd25519Key(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(publicKey(t, newTokens(t).Keys.Root()))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                      "PEM",
		"not a key":             "PEM",
		pemBlock("X"):           `"X"`,
		pemBlock("PRIVATE KEY"): "PKCS#8",
		string(pemOf(t, curve)): "ecdsa",
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})): `"PUBLIC KEY"`,
	} {
		if _, err := auth.ParseKey([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseKey(%q): %v, want a word of %s", text, err, want)
		}
	}
}

func pemBlock(kind string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("nonsense")}))
}

func TestKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keys", "signing.pem")
	made, err := auth.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode().Perm(), err)
	}
	loaded, err := auth.LoadOrCreateKey(path)
	if err != nil || loaded.ID() != made.ID() {
		t.Errorf("loaded %v, %v, want %v", loaded, err, made)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestKeyFileIsTheSameForAllWhoStartAtOnce(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "signing.pem")
		var wait sync.WaitGroup
		keys, errs := make([]*auth.Key, 8), make([]error, 8)
		for i := range keys {
			wait.Go(func() { keys[i], errs[i] = auth.LoadOrCreateKey(path) })
		}
		wait.Wait()
		for i := range keys {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			if keys[i].ID() != keys[0].ID() {
				t.Fatalf("two keys: %v and %v", keys[0], keys[i])
			}
		}
	}
}

func TestKeyFileErrorsNameThePath(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"not a key":                       garbage,
		"a folder":                        folder,
		"a file where a folder should be": filepath.Join(garbage, "signing.pem"),
	} {
		if _, err := auth.LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names %s", name, err, path)
		}
	}
	if text, err := os.ReadFile(garbage); err != nil || string(text) != "garbage" {
		t.Errorf("the file that is no key was changed to %q, %v", text, err)
	}
}
