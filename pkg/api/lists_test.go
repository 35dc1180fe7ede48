package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// twoInstances are two servers over one PostgreSQL and one Redis.
func twoInstances(t *testing.T) (here, there *apitest.Service) {
	t.Helper()
	database, redis, key := storetest.PostgresURL(t), servertest.Redis(t), apitest.Key(t)
	start := func() *apitest.Service {
		return apitest.Start(t, apitest.Options{
			Store: storetest.Open(t, database), Cache: apitest.Redis(t, redis), Key: key,
		})
	}
	return start(), start()
}

func TestListShowsEveryChangeOnBothInstances(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	one := here.User()
	other := there.As(one)
	var id string
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"nothing", func() {}, ""},
		{"created", func() { id = create(one, "a").ID }, "a"},
		{"created there", func() { create(other, "b") }, "b a"},
		{"renamed", func() { patch(other, id, `{"title":"A"}`).Status(http.StatusOK) }, "A b"},
		{"archived", func() { patch(one, id, `{"isArchived":true}`).Status(http.StatusOK) }, "b"},
		{"taken back", func() { patch(other, id, `{"isArchived":false,"isPinned":true}`).Status(http.StatusOK) }, "A b"},
		{"unpinned", func() { patch(one, id, `{"isPinned":false}`).Status(http.StatusOK) }, "A b"},
		{"asked", func() { other.Ask(list(other, "").Data[1].ID, "Hello") }, "b A"},
		{"deleted", func() { one.Do(http.MethodDelete, "/api/v1/conversations/"+id, nil).Status(http.StatusNoContent) }, "b"},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			for range 2 { // once from the database, once from the cache
				for name, user := range map[string]*apitest.User{"here": one, "there": other} {
					if got := titles(list(user.In(t), "?archived=false")); got != step.want {
						t.Errorf("%s the list is %q, want %q", name, got, step.want)
					}
				}
			}
		})
	}
	answered := list(other, "").Data[0]
	if answered.MessageCount != 2 || answered.TotalTokens == 0 || answered.LastSeq != 2 {
		t.Errorf("after the answer: %+v", answered)
	}
}

// TestListIsNeverStaleUnderARace has writers on both instances and readers that
// keep filling the cache meanwhile. What a writer was told must be in the list
// that it reads next, on the other instance.
func TestListIsNeverStaleUnderARace(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	one := here.User()
	sides := []*apitest.User{one, there.As(one)}

	reading, stop := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for _, side := range sides {
		for range 2 {
			readers.Go(func() {
				for reading.Err() == nil {
					list(side, "?limit=100")
				}
			})
		}
	}
	for i := range 4 {
		writers.Go(func() {
			write, read := sides[i%2], sides[(i+1)%2]
			id := create(write, "").ID
			for round := range 25 {
				title := fmt.Sprintf("w%d-%d", i, round)
				patch(write, id, map[string]any{"title": title}).Status(http.StatusOK)
				if got := titleOf(list(read, "?limit=100"), id); got != title {
					t.Errorf("%s was written, the other instance shows %q", title, got)
				}
			}
			write.Do(http.MethodDelete, "/api/v1/conversations/"+id, nil).Status(http.StatusNoContent)
			if got := titleOf(list(read, "?limit=100"), id); got != "" {
				t.Errorf("%s was deleted, the other instance still shows it", got)
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
}

func titleOf(page chat.ConversationPage, id string) string {
	for _, conversation := range page.Data {
		if conversation.ID == id {
			return conversation.Title
		}
	}
	return ""
}

func TestListIsCachedForEachUser(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		ada, eve := s.User(), s.User()
		create(ada, "hers")
		for _, query := range []string{"", "?limit=20&offset=0", "?archived=false"} {
			first := ada.Get("/api/v1/conversations" + query).Status(http.StatusOK)
			again := ada.Get("/api/v1/conversations" + query).Status(http.StatusOK)
			if string(first.Bytes) != string(again.Bytes) || first.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%q: first %s, then %s", query, first.Bytes, again.Bytes)
			}
			if page := list(eve, query); page.Total != 0 {
				t.Errorf("%q: eve sees %q", query, titles(page))
			}
		}
		hits := `dreamchat_cache_lookups_total{cache="conversations",result="hit"}`
		if text := string(s.Nobody().Get("/metrics").Bytes); !strings.Contains(text, hits) {
			t.Error("no list came from the cache")
		}
	})
}
