// Package chat is the domain: conversations, messages, models, and the
// generations that make answers. It knows the stream of an answer, but neither
// HTTP nor SQL nor any provider; what it needs of those it declares as small
// interfaces.
package chat
