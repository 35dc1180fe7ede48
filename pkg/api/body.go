package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/problem"
)

// bodyTimeout is how long a client may take to send its body.
const bodyTimeout = 30 * time.Second

// timeBody bounds how long a body may take to come, whether it is read or not: a
// server takes what is left of it before it answers. The end of the body ends the
// bound too.
func (s *Server) timeBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength != 0 {
			// Only a recorder in a test has no deadline.
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(or(s.BodyTimeout, bodyTimeout)))
		}
		return next(c)
	}
}

// body reads the whole body, at most limit bytes of it, which is JSON of a shape
// that is safe to decode. Whether it is well-formed shows when it is decoded.
func (s *Server) body(c echo.Context, limit int64) ([]byte, error) {
	request := c.Request()
	if err := checkMedia(request.Header); err != nil {
		return nil, err
	}
	if request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), request.Body, limit))
	switch {
	case isTooLarge(err):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.RequestTimeout.Because(err, "The body took too long to come.")
	case err != nil:
		return nil, problem.Malformed.Because(err, "The body cannot be read.")
	}
	return body, checkShape(body)
}

// checkMedia refuses what is not JSON in UTF-8 as it is.
func checkMedia(header http.Header) error {
	kind, parameters, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return problem.UnsupportedMedia.New("Send JSON, with Content-Type: application/json.")
	}
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return problem.UnsupportedMedia.New("Send JSON in UTF-8.")
	}
	for _, coding := range header.Values(echo.HeaderContentEncoding) {
		if !strings.EqualFold(coding, "identity") {
			return problem.UnsupportedMedia.New("Send the body as it is, without a Content-Encoding.")
		}
	}
	return nil
}

func isTooLarge(err error) bool {
	var found *http.MaxBytesError
	return errors.As(err, &found)
}

func tooLarge(limit int64) error {
	return problem.TooLarge.New("The body is too large.").With("limit", limit)
}

// or is the time, or another for none.
func or(given, otherwise time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return otherwise
}
