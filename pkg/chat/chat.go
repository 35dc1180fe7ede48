// Package chat is the domain: conversations, messages, models, the generations
// that make answers, and the feed of an account's changes. It knows the stream of
// an answer, but neither HTTP nor SQL nor Redis nor any provider; what it needs of
// those it declares as small interfaces.
package chat
