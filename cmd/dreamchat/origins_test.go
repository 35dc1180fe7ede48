package main_test

import (
	"net/http"
	"testing"
)

func TestOriginsAreExact(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{
		"*", "null", "https://*.chat.example", "https://chat.example/", "https://chat.example/app", "https://Chat.example",
		"https://chat.example:443", "http://chat.example:80", "https://ada@chat.example", "chat.example", "https://chat.example?", "//chat.example",
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			execute(t, t.TempDir(), []string{"CORS_ORIGINS=https://app.example," + origin}).want(t, 1, "CORS_ORIGINS must be origins")
		})
	}
}

func TestOriginsAndTheAddressReachTheHeaders(t *testing.T) {
	t.Parallel()
	server := start(t, t.TempDir(), "CORS_ORIGINS=https://app.example,http://localhost:5173,http://[::1]:8081", "APP_URL=https://chat.example")
	for origin, ours := range map[string]bool{
		"https://app.example": true, "http://localhost:5173": true, "http://[::1]:8081": true, "https://chat.example": false, "null": false,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/healthz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); got == origin != ours {
			t.Errorf("%s is answered with %q", origin, got)
		}
		if response.Header.Get("Strict-Transport-Security") == "" {
			t.Error("the address is https, and browsers may come without")
		}
	}
}
