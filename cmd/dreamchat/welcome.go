package main

import (
	"fmt"
	"io"
	"math/rand/v2"
)

// welcome tells a newcomer where the server is and what to type next. The user
// name differs from start to start, so that the lines can be pasted each time.
func welcome(out io.Writer, set settings) {
	name := fmt.Sprintf("newcomer%04d", rand.N(10_000)) //nolint:gosec // not a secret
	_, _ = fmt.Fprintf(out, `Dreamchat %[1]s is listening on %[2]s (default model: %[3]s)
The API is described at %[2]s/docs

Register, create a conversation, stream an answer:

TOKEN=$(curl -s %[2]s/api/v1/auth/register -H 'Content-Type: application/json' -d '{"email":"%[4]s@example.com","username":"%[4]s","password":"a long password"}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
CHAT=$(curl -s -X POST %[2]s/api/v1/conversations -H "Authorization: Bearer $TOKEN" | sed 's/{"id":"\([^"]*\)".*/\1/')
curl -N %[2]s/api/v1/conversations/$CHAT/messages -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"content":"Why do chat servers stream? Answer with a list."}'

`, version, set.url(), set.DefaultModel, name)
}
