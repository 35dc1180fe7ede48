package main

import (
	"log/slog"
	"os"
	"slices"
	"strings"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/jwks"
)

const (
	// maxIssuers bounds the issuers that AUTH_ISSUERS may name, maxIssuer the length
	// of each one's address.
	maxIssuers = 20
	maxIssuer  = 255
)

// tokenIssuer is somebody else whose access tokens are good here.
type tokenIssuer struct {
	name, jwks        string
	audiences, admins []string
}

// checkIssuers reads the issuers beside ourselves and notes what is wrong.
func (s *settings) checkIssuers(wrong *complaints) []tokenIssuer {
	var found []tokenIssuer
	taken := map[string]bool{s.issuer(): true}
	if s.ManaURL != "" {
		base := strings.TrimRight(s.ManaURL, "/")
		wrong.must(isIssuer(base) && !taken[base], "MANA_CORE_AUTH_URL", "must be an http or https URL, and another than APP_URL")
		taken[base] = true
		found = append(found, tokenIssuer{
			name: base, jwks: base + "/api/v1/auth/jwks", audiences: []string{"mana", "manacore"}, admins: []string{"admin"},
		})
	}
	wrong.must(len(s.Issuers) <= maxIssuers, "AUTH_ISSUERS", "must name at most 20 issuers")
	named := map[string]bool{}
	for _, entry := range s.Issuers {
		name, issuer, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if !serverName.MatchString(name) || !isIssuer(issuer) {
			wrong.must(false, "AUTH_ISSUERS",
				"must be name=URL pairs such as work=https://login.example, separated by commas; a name has lower-case letters, digits and hyphens")
			continue
		}
		prefix := "AUTH_ISSUER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		wrong.must(!named[prefix] && !taken[issuer], "AUTH_ISSUERS",
			"must name each issuer once, and neither APP_URL nor MANA_CORE_AUTH_URL")
		named[prefix], taken[issuer] = true, true
		found = append(found, readIssuer(prefix, issuer, wrong))
	}
	return found
}

// readIssuer reads what is set of one issuer.
func readIssuer(prefix, name string, wrong *complaints) tokenIssuer {
	issuer := tokenIssuer{
		name:      name,
		jwks:      os.Getenv(prefix + "_JWKS"),
		audiences: list(os.Getenv(prefix + "_AUDIENCES")),
		admins:    list(os.Getenv(prefix + "_ADMIN_ROLES")),
	}
	if issuer.jwks == "" {
		issuer.jwks = strings.TrimRight(name, "/") + "/.well-known/jwks.json"
	}
	wrong.must(isHTTP(issuer.jwks), prefix+"_JWKS", "must be an http or https URL")
	wrong.must(len(issuer.audiences) > 0, prefix+"_AUDIENCES", "must name what the issuer's tokens are for, separated by commas")
	return issuer
}

// list are the texts between commas.
func list(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}

func isIssuer(text string) bool {
	return isHTTP(text) && len(text) <= maxIssuer && !strings.ContainsAny(text, " \t\r\n")
}

// issuers are those beside ourselves, with the sets of keys that are to be run.
func (s *settings) issuers(log *slog.Logger) (issuers []auth.Issuer, sets []*jwks.Set) {
	transport := jwks.NewTransport()
	for _, other := range s.otherIssuers {
		set := jwks.New(other.jwks, transport, log)
		sets = append(sets, set)
		issuers = append(issuers, auth.Issuer{
			Name: other.name, Audiences: other.audiences, AdminRoles: other.admins, Keys: set,
		})
	}
	return issuers, sets
}
