package chat

import "testing"

func TestRequestHashTellsRequestsApart(t *testing.T) {
	t.Parallel()
	half, one, few := 0.5, 1.0, 9
	seen := make(map[string]int)
	for i, fields := range [][]any{
		{"send", "Hi", "", nil, nil},
		{"regenerate", "Hi", "", nil, nil},
		{"send", "Hi ", "", nil, nil},
		{"send", "Hi", "m", nil, nil},
		{"send", "H", "im", nil, nil},
		{"send", "Hi", "", &half, nil},
		{"send", "Hi", "", &one, nil},
		{"send", "Hi", "", nil, &few},
	} {
		hash := requestHash(fields...)
		if other, same := seen[hash]; same {
			t.Errorf("requests %d and %d have the same hash", other, i)
		}
		seen[hash] = i
		if requestHash(fields...) != hash {
			t.Errorf("request %d has two hashes", i)
		}
	}
}
