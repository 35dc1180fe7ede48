package main_test

import (
	"slices"
	"testing"
)

func TestTheDemoModelNamesConversations(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		server := at.start(t)
		user := server.register("ada")
		user.ask(user.conversation().ID, "Why do chat servers stream? Answer with a list.").until("stream_complete")
		eventually(t, "the conversation has a title", func() bool {
			return user.list().Data[0].Title == "Why do chat servers stream"
		})
	})
}

func TestTitlesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	at := onSQLite(t)
	server := at.start(t, "TITLES=false")
	user := server.register("ada")
	user.ask(user.conversation().ID, "Hi").until("stream_complete")
	server.stop() // and so a title would have been made
	if titles := at.column(t, "SELECT title FROM conversations"); !slices.Equal(titles, []string{""}) {
		t.Errorf("the titles are %q", titles)
	}
}
