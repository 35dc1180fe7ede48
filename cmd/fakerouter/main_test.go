package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string // part of the error; empty for none
	}{
		{[]string{"--help"}, ""},
		{[]string{"-nonsense"}, "not defined"},
		{[]string{"-delay", "fast"}, "invalid value"},
		{[]string{"-addr", "nowhere:-1"}, "listen"},
	} {
		err := run(tt.args, slog.New(slog.DiscardHandler))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}
