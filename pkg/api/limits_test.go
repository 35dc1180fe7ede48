package api_test

import (
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const whoAmI = "/api/v1/auth/me"

// limited checks that a limit refuses, and how that is told.
func limited(t *testing.T, reply *apitest.Reply, scope string, limit int) {
	t.Helper()
	told := reply.Problem(problem.TooMany)
	if told.Details["scope"] != scope || told.Details["limit"] != float64(limit) {
		t.Fatalf("refused by %v, want %d of %s", told.Details, limit, scope)
	}
	if wait, err := strconv.Atoi(reply.Header.Get("Retry-After")); err != nil || wait < 1 || wait != told.RetryAfter {
		t.Errorf("Retry-After is %q, retryAfter %d", reply.Header.Get("Retry-After"), told.RetryAfter)
	}
}

var stands = regexp.MustCompile(`"(\w+)";r=(\d+);t=(\d+)`)

// left is what an answer tells is left, by scope.
func left(reply *apitest.Reply) map[string]int {
	told := make(map[string]int)
	for _, found := range stands.FindAllStringSubmatch(reply.Header.Get("RateLimit"), -1) {
		told[found[1]], _ = strconv.Atoi(found[2])
	}
	return told
}

func TestRequestsOfAUserAreCounted(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.User, set.Address = 5, 1000
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user, other := s.User(), s.User()
		tablet := s.Login(user)
		for i, reply := range []*apitest.Reply{
			user.Get(whoAmI).Status(http.StatusOK), tablet.Get(whoAmI).Status(http.StatusOK),
			user.Get("/api/v1/messages/none").Status(http.StatusNotFound), // whatever the answer is
			user.Post("/api/v1/conversations", `{"nonsense":1}`).Status(http.StatusBadRequest),
			tablet.Get(whoAmI).Status(http.StatusOK),
		} {
			if told := left(reply); told["user"] != 4-i || told["address"] < 900 {
				t.Errorf("after %d requests %v are left", i+1, told)
			}
			if got := reply.Header.Get("RateLimit-Policy"); got != `"user";q=5;w=60, "address";q=1000;w=60` {
				t.Errorf("RateLimit-Policy is %q", got)
			}
		}
		for range 3 {
			limited(t, user.Get(whoAmI), "user", 5)
			limited(t, tablet.Post("/api/v1/conversations", map[string]any{}), "user", 5)
		}
		other.Get(whoAmI).Status(http.StatusOK)
		// The flood costs the address nothing.
		if told := left(other.Get(whoAmI)); told["address"] < 900 {
			t.Errorf("of the address %v are left", told)
		}
	})
}

func TestRequestsOfAnAddressAreCounted(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.Address = 8
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user, nobody := s.User(), s.Nobody() // one request
		forger := s.Nobody()
		forger.Token = user.Token + "x"
		for i, reply := range []*apitest.Reply{
			user.Get(whoAmI).Status(http.StatusOK),
			nobody.Get(whoAmI).Status(http.StatusUnauthorized),
			forger.Get(whoAmI).Status(http.StatusUnauthorized),
			nobody.Get("/nowhere").Status(http.StatusNotFound),
			nobody.Get("/.well-known/jwks.json").Status(http.StatusOK),
			nobody.Post("/api/v1/auth/login", map[string]string{"username": "nobody", "password": "wrong"}).Status(http.StatusUnauthorized),
			nobody.Do(http.MethodPut, whoAmI, nil).Status(http.StatusMethodNotAllowed),
		} {
			if told := left(reply); told["address"] != 6-i {
				t.Errorf("after %d requests %v are left", i+2, told)
			}
		}
		for _, caller := range []*apitest.User{user, nobody, forger} {
			limited(t, caller.Get(whoAmI), "address", 8)
			limited(t, caller.Get("/nowhere"), "address", 8)
			limited(t, caller.Get("/docs"), "address", 8)
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if got := nobody.Get(path).Status(http.StatusOK).Header; got.Get("RateLimit") != "" || got.Get("RateLimit-Policy") != "" {
				t.Errorf("%s is counted: %v", path, got)
			}
		}
	})
}

func TestNothingIsLimitedUnlessItIsSo(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.Server){
		"no quotas":  func(server *api.Server) { server.Limits.User, server.Limits.Address = auth.Rate{}, auth.Rate{} },
		"no counter": func(server *api.Server) { server.Limits, server.Accounts.Guesses = api.Limits{}, auth.Guesses{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user := apitest.Start(t, apitest.Options{Change: change}).User()
			if got := user.Get(whoAmI).Status(http.StatusOK).Header; got.Get("RateLimit") != "" || got.Get("RateLimit-Policy") != "" {
				t.Errorf("limits are told: %v", got)
			}
		})
	}
}

// EventSource gives up for good on any status but 200.
func TestLimitedReaderIsAskedToComeAgain(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.User = 3
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		ticket := apitest.Decode[struct{ Ticket string }](user.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated)).Ticket
		for range 2 {
			user.Get(whoAmI).Status(http.StatusOK)
		}
		ticketed := s.Nobody()
		for name, stream := range map[string]*apitest.Stream{
			"feed":             user.Stream(t.Context(), http.MethodGet, feed, nil),
			"feed by a ticket": ticketed.Stream(t.Context(), http.MethodGet, feed+"?ticket="+ticket, nil),
			"and once more":    ticketed.Stream(t.Context(), http.MethodGet, feed+"?ticket="+ticket, nil),
			"answer":           user.Follow(t.Context(), "01980f2e-9b07-7d90-b1c3-6e4a8f025c31"),
		} {
			event := stream.Last()
			if wait, _ := event.Data["retryMs"].(float64); event.Name != "stream_reconnect" || event.Data["reason"] != "limited" || wait < 15_000 || wait > 24_000 {
				t.Errorf("%s: %+v", name, event)
			}
		}
		limited(t, user.Get(whoAmI), "user", 3)
		forged := ticketed.Get(feed + "?ticket=x" + ticket)
		if forged.Status(http.StatusUnauthorized); left(forged)["address"] == 0 {
			t.Errorf("a forged ticket is not counted: %v", forged.Header)
		}
	})
}

// forwarded is the address that a proxy tells.
func forwarded(addresses string) string { return "X-Forwarded-For: " + addresses }

func TestForwardedAddressesCountOnlyFromTrustedProxies(t *testing.T) {
	t.Parallel()
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	for name, test := range map[string]struct {
		proxies   []netip.Prefix
		addresses []string
		same      bool // all of them are one
	}{
		"nobody is trusted":       {nil, []string{"192.0.2.1", "192.0.2.2", "127.0.0.1", "10.0.0.1, 192.0.2.3"}, true},
		"others are trusted":      {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"192.0.2.1", "10.0.0.1", "192.0.2.2, 10.0.0.1"}, true},
		"the proxy is trusted":    {[]netip.Prefix{loopback}, []string{"192.0.2.1", "192.0.2.2", "10.0.0.1", "2001:db8::1", "2001:db8:0:1::1"}, false},
		"what a client makes up":  {[]netip.Prefix{loopback}, []string{"1.1.1.1, 192.0.2.1", "2.2.2.2, 192.0.2.1", "127.0.0.1, 192.0.2.1", "192.0.2.1"}, true},
		"two proxies are trusted": {[]netip.Prefix{loopback, netip.MustParsePrefix("10.1.0.0/16")}, []string{"1.1.1.1, 192.0.2.1, 10.1.2.3", "192.0.2.1,10.1.9.9,127.0.0.1", "192.0.2.1"}, true},
		"one network of IPv6":     {[]netip.Prefix{loopback}, []string{"2001:db8::1", "2001:db8::2", "2001:DB8:0:0:ffff::3", "1.2.3.4, [2001:db8::9]"}, true},
		"IPv4 in IPv6":            {[]netip.Prefix{loopback}, []string{"192.0.2.1", "::ffff:192.0.2.1"}, true},
		"what is no address":      {[]netip.Prefix{loopback}, []string{"unknown", "192.0.2.1:443", "", "fe80::1%eth0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := apitest.DefaultLimits()
			set.Address, set.Proxies = 10, test.proxies // one comes back in 6 s
			nobody := apitest.Start(t, apitest.Options{Limits: set}).Nobody()
			for i, address := range test.addresses {
				want := 9
				if test.same {
					want -= i
				}
				if got := left(nobody.Get("/.well-known/jwks.json", forwarded(address)))["address"]; got != want {
					t.Errorf("of %q %d are left, want %d", address, got, want)
				}
			}
		})
	}
}
