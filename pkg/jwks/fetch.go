package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"dreamchat/pkg/auth"
)

const (
	// fetchTime bounds a whole call, with its redirects and the body.
	fetchTime = 10 * time.Second
	// maxBody bounds the document, in bytes; one key takes about 500.
	maxBody      = 256 << 10
	maxHeader    = 64 << 10
	maxRedirects = 3
)

// NewTransport returns a transport for calls that are far apart.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: fetchTime}).DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// checkRedirect follows few, and none that gives up what TLS vouches for.
func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return errors.New("too many redirects")
	}
	if before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("a redirect away from https")
	}
	return nil
}

func (s *Set) fetch(ctx context.Context) (map[string]auth.VerificationKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the status is %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBody {
		return nil, fmt.Errorf("the document has more than %d bytes", maxBody)
	}
	return parse(text)
}
