package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// pair is what a refresh is answered with, and for a moment again.
type pair struct {
	AccessToken  string    `json:"a"`
	RefreshToken string    `json:"r"`
	ExpiresAt    time.Time `json:"e"` // of the access token
}

// seal encrypts the pair so that only those who hold the refresh token that it
// was given for can open it. What is stored is worth nothing by itself: the token
// is stored as a hash only.
func (p pair) seal(usedToken string) ([]byte, error) {
	box, err := boxOf(usedToken)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(p) //nolint:gosec // it is encrypted next
	if err != nil {
		return nil, fmt.Errorf("auth: encode the answer to a refresh: %w", err)
	}
	return box.Seal(nil, nil, text, nil), nil //nolint:gosec // it makes a random nonce itself
}

// unseal is the reverse of seal.
func unseal(sealed []byte, usedToken string) (pair, error) {
	box, err := boxOf(usedToken)
	if err != nil {
		return pair{}, err
	}
	var opened pair
	text, err := box.Open(nil, nil, sealed, nil)
	if err == nil {
		err = json.Unmarshal(text, &opened)
	}
	if err != nil {
		return pair{}, fmt.Errorf("auth: open the answer to a refresh: %w", err)
	}
	return opened, nil
}

// boxOf is AES-256-GCM with a random nonce before each text, under a key that
// HKDF-SHA256 (RFC 5869) makes of a refresh token. Its 256 random bits need no
// salt.
func boxOf(refreshToken string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(refreshToken), nil, "dreamchat/refresh answer", 32)
	if err != nil {
		return nil, fmt.Errorf("auth: derive a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("auth: derive a key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
