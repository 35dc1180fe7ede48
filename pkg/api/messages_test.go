package api_test

import (
	"net/http"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
)

// pageOf reads a page of messages.
func pageOf(user *apitest.User, path string) chat.MessagePage {
	return apitest.Decode[chat.MessagePage](user.Get(path).Status(http.StatusOK))
}
