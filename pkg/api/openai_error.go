package api

import (
	"errors"
	"net/http"
	"strings"

	"dreamchat/pkg/problem"
)

// openAIFault is the error of OpenAI's wire.
type openAIFault struct {
	Error openAIDetail `json:"error"`
}

type openAIDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

func openAIError(found *problem.Error) openAIFault {
	fault := openAIFault{Error: openAIDetail{Message: found.Detail, Type: openAIType(openAIStatus(found)), Code: found.Kind.Code()}}
	if words, ok := found.Details["upstream"].(string); ok {
		fault.Error.Message += " It says: " + words
	}
	if len(found.Fields) > 0 {
		first := found.Fields[0]
		param := strings.ReplaceAll(strings.TrimPrefix(first.Pointer, "/"), "/", ".")
		fault.Error.Param = &param
		fault.Error.Message = param + " " + first.Detail
	}
	return fault
}

// openAIStatus is the status of a problem on OpenAI's wire. There a request that
// breaks a rule is 400, and what a provider says about the caller's own request is
// told as what it is, since that request is passed on as it was written.
func openAIStatus(found *problem.Error) int {
	switch found.Kind {
	case problem.Invalid:
		return http.StatusBadRequest
	case problem.UpstreamRejected:
		switch status := providerStatus(found); status {
		case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return status
		case http.StatusForbidden: // the provider's moderation
			return http.StatusBadRequest
		}
	case problem.UpstreamBusy:
		if providerStatus(found) == http.StatusTooManyRequests {
			return http.StatusTooManyRequests
		}
	default:
	}
	return found.Kind.Status()
}

// providerStatus is the status that a model provider told, 0 for none.
func providerStatus(found *problem.Error) int {
	var told interface{ ProviderStatus() int }
	if errors.As(found.Cause, &told) {
		return told.ProviderStatus()
	}
	return 0
}

// openAIType is the class of an error.
func openAIType(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return "server_error"
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusPaymentRequired:
		return "insufficient_quota"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	default:
		return "invalid_request_error"
	}
}
