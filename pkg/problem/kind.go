package problem

import "net/http"

// Kind classifies what went wrong. Each kind is its own sentinel:
// errors.Is(err, problem.NotFound) asks for it anywhere in a chain.
type Kind uint8

// The kinds, in the order of their HTTP status.
const (
	// Internal is a fault of ours. Its cause is logged and never told.
	Internal Kind = iota
	// Malformed is a request that cannot be read: bad JSON, an unknown field.
	Malformed
	// InvalidCursor is a cursor that we did not make, or not for this list.
	InvalidCursor
	// UnknownModel names a model that the catalogue does not hold.
	UnknownModel
	// InactiveModel names a model that cannot be used now.
	InactiveModel
	// Unauthenticated is a request without a token, or with an API key that is
	// none.
	Unauthenticated
	// TokenMalformed is a token that is no signed JWT at all.
	TokenMalformed
	// TokenAlgorithm is a token that is signed in a way that is not accepted.
	TokenAlgorithm
	// TokenIssuer is a token of somebody whose tokens are not accepted.
	TokenIssuer
	// TokenKeyUnknown is a token that names a key that its issuer does not have.
	TokenKeyUnknown
	// TokenSignature is a token that its issuer did not sign.
	TokenSignature
	// TokenAudience is a token that its issuer made for something else.
	TokenAudience
	// TokenClaims is a token of its issuer that lacks what is needed of it.
	TokenClaims
	// TokenNotYetValid is a token of the future.
	TokenNotYetValid
	// TokenExpired is a token, or an API key, that was good once.
	TokenExpired
	// InvalidCredentials is a login or refresh that does not match.
	InvalidCredentials
	// SessionEnded is a token whose session or account is no more.
	SessionEnded
	// BudgetExceeded is a request that could cost more than its account may spend.
	BudgetExceeded
	// Forbidden is a caller who is known and may not do this.
	Forbidden
	// AccountSuspended is a caller whom an administrator has shut out.
	AccountSuspended
	// NotFound is a thing that does not exist, or not for this caller.
	NotFound
	// MethodNotAllowed is a path that exists under another method.
	MethodNotAllowed
	// NotAcceptable is an Accept header that no answer of ours fits.
	NotAcceptable
	// RequestTimeout is a request that took too long to come.
	RequestTimeout
	// Conflict is a change that what is stored rules out.
	Conflict
	// AlreadyExists is a name or address that is taken.
	AlreadyExists
	// GenerationRunning is a send into a conversation that is being answered.
	GenerationRunning
	// StaleConversation is a send by a client that has missed messages.
	StaleConversation
	// TooLarge is a body or a text beyond its limit.
	TooLarge
	// URITooLong is an address beyond its limit.
	URITooLong
	// UnsupportedMedia is a body that is not JSON.
	UnsupportedMedia
	// Invalid is a request that reads well and breaks a rule; Fields tells which.
	Invalid
	// KeyReused is an idempotency key that came before with another body.
	KeyReused
	// TooMany is a caller who must slow down or make room.
	TooMany
	// Upstream is a model provider that failed or broke off.
	Upstream
	// UpstreamAuth is a model provider that refuses our key.
	UpstreamAuth
	// UpstreamRejected is a model provider that refuses this request.
	UpstreamRejected
	// UpstreamBusy is a model provider that is overloaded or limits us.
	UpstreamBusy
	// UpstreamTimeout is a model provider that fell silent.
	UpstreamTimeout
	// Unavailable is a part of ours that is away: try again later.
	Unavailable
	// Interrupted is a generation that ended with the server that made it.
	Interrupted
)

type row struct {
	status    int
	code      string
	title     string
	retryable bool
}

//nolint:gochecknoglobals // the one table of kinds, never written
var table = [...]row{
	Internal:           {http.StatusInternalServerError, "internal", "Internal error", true},
	Malformed:          {http.StatusBadRequest, "malformed_request", "Malformed request", false},
	InvalidCursor:      {http.StatusBadRequest, "invalid_cursor", "Invalid cursor", false},
	UnknownModel:       {http.StatusBadRequest, "model_not_found", "Unknown model", false},
	InactiveModel:      {http.StatusBadRequest, "model_inactive", "Model not available", false},
	Unauthenticated:    {http.StatusUnauthorized, "unauthenticated", "Authentication required", false},
	TokenMalformed:     {http.StatusUnauthorized, "token_malformed", "Token malformed", false},
	TokenAlgorithm:     {http.StatusUnauthorized, "token_algorithm", "Token algorithm not accepted", false},
	TokenIssuer:        {http.StatusUnauthorized, "token_issuer", "Token issuer not accepted", false},
	TokenKeyUnknown:    {http.StatusUnauthorized, "token_key_unknown", "Token key unknown", false},
	TokenSignature:     {http.StatusUnauthorized, "token_signature", "Token signature wrong", false},
	TokenAudience:      {http.StatusUnauthorized, "token_audience", "Token for another audience", false},
	TokenClaims:        {http.StatusUnauthorized, "token_claims", "Token claims not accepted", false},
	TokenNotYetValid:   {http.StatusUnauthorized, "token_not_yet_valid", "Token not valid yet", false},
	TokenExpired:       {http.StatusUnauthorized, "token_expired", "Token expired", false},
	InvalidCredentials: {http.StatusUnauthorized, "invalid_credentials", "Invalid credentials", false},
	SessionEnded:       {http.StatusUnauthorized, "session_ended", "Session ended", false},
	BudgetExceeded:     {http.StatusPaymentRequired, "budget_exceeded", "Budget exceeded", false},
	Forbidden:          {http.StatusForbidden, "forbidden", "Not allowed", false},
	AccountSuspended:   {http.StatusForbidden, "account_suspended", "Account suspended", false},
	NotFound:           {http.StatusNotFound, "not_found", "Not found", false},
	MethodNotAllowed:   {http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed", false},
	NotAcceptable:      {http.StatusNotAcceptable, "not_acceptable", "Not acceptable", false},
	RequestTimeout:     {http.StatusRequestTimeout, "request_timeout", "Request timeout", true},
	Conflict:           {http.StatusConflict, "conflict", "Conflict", false},
	AlreadyExists:      {http.StatusConflict, "already_exists", "Already exists", false},
	GenerationRunning:  {http.StatusConflict, "generation_in_progress", "An answer is being made", true},
	StaleConversation:  {http.StatusConflict, "stale_conversation", "The conversation has moved on", false},
	TooLarge:           {http.StatusRequestEntityTooLarge, "too_large", "Too large", false},
	URITooLong:         {http.StatusRequestURITooLong, "uri_too_long", "Address too long", false},
	UnsupportedMedia:   {http.StatusUnsupportedMediaType, "unsupported_media_type", "Unsupported media type", false},
	Invalid:            {http.StatusUnprocessableEntity, "validation_failed", "Validation failed", false},
	KeyReused:          {http.StatusUnprocessableEntity, "idempotency_key_reused", "Idempotency key reused", false},
	TooMany:            {http.StatusTooManyRequests, "too_many_requests", "Too many requests", true},
	Upstream:           {http.StatusBadGateway, "upstream_error", "The model provider failed", true},
	UpstreamAuth:       {http.StatusBadGateway, "upstream_auth", "The model provider refused our key", false},
	UpstreamRejected:   {http.StatusBadGateway, "upstream_rejected", "The model provider refused the request", false},
	UpstreamBusy:       {http.StatusServiceUnavailable, "upstream_busy", "The model provider is busy", true},
	UpstreamTimeout:    {http.StatusGatewayTimeout, "upstream_timeout", "The model provider is silent", true},
	Unavailable:        {http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable", true},
	Interrupted:        {http.StatusServiceUnavailable, "interrupted", "The answer was interrupted", true},
}

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return k.Code() }

// Status is the HTTP status of the kind.
func (k Kind) Status() int { return table[k].status }

// Code is the stable, machine-readable name of the kind.
func (k Kind) Code() string { return table[k].code }

// Title is a short summary, the same for every problem of the kind.
func (k Kind) Title() string { return table[k].title }

// Retryable tells whether the same request may succeed later.
func (k Kind) Retryable() bool { return table[k].retryable }

// New returns a problem of this kind with a sentence for the caller.
func (k Kind) New(detail string) *Error {
	return &Error{Kind: k, Detail: detail}
}

// Because returns a problem of this kind with a sentence for the caller and a
// cause for the log.
func (k Kind) Because(cause error, detail string) *Error {
	return &Error{Kind: k, Detail: detail, Cause: cause}
}

// Named returns the kind with this code, Internal for any other.
func Named(code string) Kind {
	for kind, row := range table {
		if row.code == code {
			return Kind(kind)
		}
	}
	return Internal
}
