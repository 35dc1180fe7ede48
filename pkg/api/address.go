package api

import (
	"net"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

// address is where a request comes from, as far as it is counted. X-Forwarded-For
// tells only if a trusted proxy sends it.
func address(c echo.Context) string { return auth.Network(c.RealIP()) }

// realAddress says how Context.RealIP finds the address of whoever calls: that of
// the connection, or the last that no proxy of ours has, by X-Forwarded-For.
func (s *Server) realAddress() echo.IPExtractor {
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range s.Proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{
			IP:   proxy.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(proxy.Bits(), proxy.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// warnOfProxies tells once that there may be a proxy that nobody trusts: then all
// its users are one address.
func (s *Server) warnOfProxies(c echo.Context) {
	if len(s.Proxies) > 0 || c.Request().Header.Get(echo.HeaderXForwardedFor) == "" {
		return
	}
	s.warnOnce.Do(func() {
		s.Log.WarnContext(c.Request().Context(), "X-Forwarded-For is ignored, since no proxy is trusted", "peer", c.RealIP())
	})
}
