package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

const brokenKey = "broken"

// setBroken has the connection of a response broken off once its handler has
// returned, for a client that would take a clean end for the end of an answer.
func setBroken(c echo.Context) { c.Set(brokenKey, true) }

// breakOff breaks off what asks for it. By then the request is counted and logged.
func breakOff(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if c.Get(brokenKey) != nil {
			panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to
		}
		return err
	}
}
