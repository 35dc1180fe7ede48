package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestSlotsOfAKilledInstanceAreFreeInTheEnd(t *testing.T) {
	t.Parallel()
	p := newPair(t, "LIMIT_GENERATIONS=2")
	p.plan("Think about it", []llmtest.Step{llmtest.Text("Hm. "), llmtest.Hang()})
	for range 2 {
		p.onA.ask(p.conversation(), "Think about it").textIs("Hm. ")
	}
	free := p.conversation()
	path, hello := "/api/v1/conversations/"+free+"/messages", map[string]string{"content": "Hello?"}
	refused := want[problem.Document](p.onB, http.StatusTooManyRequests, http.MethodPost, path, hello)
	if refused.Details["scope"] != "generations" || refused.Details["limit"] != 2.0 {
		t.Errorf("refused by %v", refused.Details)
	}
	killed := time.Now()
	p.a.kill()
	eventually(t, "there is room again", func() bool {
		return p.onB.send(http.MethodPost, path, hello, "Prefer: respond-async").StatusCode == http.StatusAccepted
	})
	t.Logf("after %s", time.Since(killed))
}

func TestForwardedAddressesOfATrustedProxy(t *testing.T) {
	t.Parallel()
	for setting, left := range map[string]string{"": `"address";r=8;`, "TRUSTED_PROXIES=127.0.0.1": `"address";r=9;`} {
		server := start(t, t.TempDir(), "LIMIT_ADDRESS=10", setting)
		for _, address := range []string{"192.0.2.1", "192.0.2.2"} {
			response := server.nobody().send(http.MethodGet, "/.well-known/jwks.json", nil, "X-Forwarded-For: "+address)
			if told := response.Header.Get("RateLimit"); address == "192.0.2.2" && !strings.HasPrefix(told, left) {
				t.Errorf("with %q RateLimit is %q", setting, told)
			}
		}
		warned := strings.Count(server.stderr.String(), "X-Forwarded-For is ignored")
		if want := strings.Count(left, "8"); warned != want {
			t.Errorf("with %q it warns %d times, want %d", setting, warned, want)
		}
	}
}
