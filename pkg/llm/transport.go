package llm

import (
	"net"
	"net/http"
	"time"
)

// NewTransport returns a transport for thousands of answers at a time: HTTP/2
// where the provider speaks it, small buffers, many idle connections. It sets
// no deadline for the response's header, since [Client].Silence is one.
func NewTransport() *http.Transport {
	const (
		toConnect = 10 * time.Second
		buffer    = 2 << 10 // per connection of HTTP/1.1, for each direction
		kept      = 1024
	)
	dialer := &net.Dialer{Timeout: toConnect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: toConnect,
		DisableCompression:  true,
		ReadBufferSize:      buffer,
		WriteBufferSize:     buffer,
		MaxIdleConnsPerHost: kept,
		IdleConnTimeout:     90 * time.Second,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 30 * time.Second,
			PingTimeout:     15 * time.Second,
		},
	}
}
