package llm

import (
	"net/http"
	"slices"

	"dreamchat/pkg/problem"
)

// trouble is one way in which a provider fails.
type trouble uint8

const (
	refused trouble = iota
	keyRefused
	outOfCredit
	keyNotAllowed
	moderated
	modelUnknown
	tooSlow
	tooLong
	limited
	overloaded
	failed // also a status that no other trouble names
	unreachable
	silent
	late
	cutOff
	unfinished
	unreadable
	overfull
	unstreamed
	noStream
	resting
)

// verdict is what a caller is told of a trouble.
type verdict struct {
	when     string // for the OpenAPI document, which shows this table
	statuses []int  // of the response, or told in its body
	kind     problem.Kind
	sentence string
}

//nolint:gochecknoglobals // the one table of troubles, never written
var verdicts = [...]verdict{
	refused: {
		"400, 422",
		[]int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		problem.UpstreamRejected, "The model provider does not accept the request.",
	},
	keyRefused: {
		"401",
		[]int{http.StatusUnauthorized},
		problem.UpstreamAuth, "The model provider does not accept this server's key.",
	},
	outOfCredit: {
		"402",
		[]int{http.StatusPaymentRequired},
		problem.UpstreamRejected, "This server's account at the model provider is out of credit.",
	},
	keyNotAllowed: {
		"403",
		[]int{http.StatusForbidden},
		problem.UpstreamAuth, "The model provider does not let this server's key do that.",
	},
	moderated: {
		"403 with `metadata.reasons`",
		nil,
		problem.UpstreamRejected, "The moderation of the model provider refuses the request.",
	},
	modelUnknown: {
		"404",
		[]int{http.StatusNotFound},
		problem.UpstreamRejected, "The model provider does not serve this model.",
	},
	tooSlow: {
		"408, 504, 524",
		[]int{http.StatusRequestTimeout, http.StatusGatewayTimeout, 524},
		problem.UpstreamTimeout, "The model took too long to answer.",
	},
	tooLong: {
		"413",
		[]int{http.StatusRequestEntityTooLarge},
		problem.UpstreamRejected, "The conversation is too long for the model provider.",
	},
	limited: {
		"429",
		[]int{http.StatusTooManyRequests},
		problem.UpstreamBusy, "The model provider takes no more requests for now.",
	},
	overloaded: {
		"503, 529",
		[]int{http.StatusServiceUnavailable, 529},
		problem.UpstreamBusy, "The model is overloaded for now.",
	},
	failed: {
		"any other error, as 500 and 502",
		nil,
		problem.Upstream, "The model provider failed.",
	},
	unreachable: {
		"no connection",
		nil,
		problem.Upstream, "The model provider cannot be reached.",
	},
	silent: {
		"silence",
		nil,
		problem.UpstreamTimeout, "The model provider fell silent.",
	},
	late: {
		"no first word in time",
		nil,
		problem.UpstreamTimeout, "The model took too long to begin its answer.",
	},
	cutOff: {
		"a connection that breaks",
		nil,
		problem.Upstream, "The model provider broke off in the middle of the answer.",
	},
	unfinished: {
		"an end without `finish_reason`",
		nil,
		problem.Upstream, "The model provider broke off before the answer was finished.",
	},
	unreadable: {
		"a chunk that is not JSON",
		nil,
		problem.Upstream, "The model provider sent what cannot be read.",
	},
	overfull: {
		"a chunk over 1 MiB",
		nil,
		problem.Upstream, "The model provider sent too much at once.",
	},
	unstreamed: {
		"JSON in place of a stream",
		nil,
		problem.Upstream, "The model provider did not stream its answer.",
	},
	noStream: {
		"anything else in place of a stream",
		nil,
		problem.Upstream, "The model provider did not answer with a stream.",
	},
	resting: {
		"not asked: it has failed too often",
		nil,
		problem.UpstreamBusy, "The model provider has failed too often and is left alone for a while.",
	},
}

// troubleOf is the trouble of a status. 0 is an error without a status.
func troubleOf(status int) trouble {
	for t, v := range verdicts {
		if slices.Contains(v.statuses, status) {
			return trouble(t)
		}
	}
	return failed
}

// because is the problem of a trouble, with a cause for the log, which may be nil.
func (t trouble) because(cause error) *problem.Error {
	return verdicts[t].kind.Because(cause, verdicts[t].sentence)
}
