package sse_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"dreamchat/pkg/sse"
)

// event is an Event that has been copied out of its reader.
type event struct{ id, name, data string }

// readAll reads until the end of the stream, which must be a clean one.
func readAll(t testing.TB, source io.Reader, limit int) []event {
	t.Helper()
	events, err := readTo(sse.NewReader(source, limit))
	if !errors.Is(err, io.EOF) {
		t.Fatalf("ended with %v, want EOF", err)
	}
	return events
}

func readTo(r *sse.Reader) ([]event, error) {
	var events []event
	for {
		e, err := r.Next()
		if err != nil {
			return events, err
		}
		events = append(events, event{string(e.ID), string(e.Name), string(e.Data)})
	}
}

//nolint:gochecknoglobals // a table that tests share
var streams = []struct {
	name, stream string
	want         []event
}{
	{"one event", "data: hello\n\n", []event{{data: "hello"}}},
	{"all fields", "id: 1.57\nevent: stream_chunk\ndata: {}\n\n", []event{{"1.57", "stream_chunk", "{}"}}},
	{"CR", "data: a\rdata: b\r\rdata: c\r\r", []event{{data: "a\nb"}, {data: "c"}}},
	{"CRLF", "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []event{{data: "a\nb"}, {data: "c"}}},
	{"mixed line ends", "data: a\r\n\ndata: b\n\rdata: c\r\r\n", []event{{data: "a"}, {data: "b"}, {data: "c"}}},
	{"BOM at the start", "\ufeffdata: a\n\n", []event{{data: "a"}}},
	{"BOM elsewhere", "\n\ufeffdata: a\n\n", nil},
	{"comments", ": hb\n:\ndata: a\n: in between\ndata: b\n\n: hb\n", []event{{data: "a\nb"}}},
	{"one space is dropped", "data:  a\n\ndata:b\n\n", []event{{data: " a"}, {data: "b"}}},
	{"empty data", "data\n\ndata:\ndata\n\n", []event{{data: ""}, {data: "\n"}}},
	{"no data", "event: x\n\ndata: a\n\n", []event{{data: "a"}}},
	{"name is not sticky", "event: x\ndata: a\n\ndata: b\n\n", []event{{name: "x", data: "a"}, {data: "b"}}},
	{"id is sticky", "id: 1\ndata: a\n\ndata: b\n\n", []event{{id: "1", data: "a"}, {id: "1", data: "b"}}},
	{"id without data", "id: 7\n\ndata: a\n\n", []event{{id: "7", data: "a"}}},
	{"id emptied", "id: 7\ndata: a\n\nid\ndata: b\n\n", []event{{id: "7", data: "a"}, {data: "b"}}},
	{"id with NUL", "id: 7\ndata: a\n\nid: 8\x00\ndata: b\n\n", []event{{id: "7", data: "a"}, {id: "7", data: "b"}}},
	{"unknown fields", "foo: bar\nDATA: x\n data: y\ndata: a\n\n", []event{{data: "a"}}},
	{"cut off", "data: a\n\ndata: b\n", []event{{data: "a"}}},
	{"cut off in a line", "data: a\n\ndata: b", []event{{data: "a"}}},
	{"beyond ASCII", "data: Zoë 🙂\n\n", []event{{data: "Zoë 🙂"}}},
	{
		"longer than the first buffer", "data: " + strings.Repeat("x", 9000) + "\ndata: y\n\ndata: z\n\n",
		[]event{{data: strings.Repeat("x", 9000) + "\ny"}, {data: "z"}},
	},
	{"nothing", "", nil},
}

func TestReader(t *testing.T) {
	t.Parallel()
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := readAll(t, strings.NewReader(tt.stream), 16<<10); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := readAll(t, iotest.OneByteReader(strings.NewReader(tt.stream)), 16<<10); !slices.Equal(got, tt.want) {
				t.Errorf("byte by byte: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReaderSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, tt := range streams {
		for at := range tt.stream {
			split := io.MultiReader(strings.NewReader(tt.stream[:at]), strings.NewReader(tt.stream[at:]))
			if got := readAll(t, split, 16<<10); !slices.Equal(got, tt.want) {
				t.Fatalf("%s, split at %d: got %q, want %q", tt.name, at, got, tt.want)
			}
		}
	}
}

func TestReaderDeliversAtTheBlankLine(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r", "\r\n"} {
		source, sink := io.Pipe()
		go func() { _, _ = io.WriteString(sink, "data: a"+end+end) }()
		e, err := sse.NewReader(source, 1<<10).Next() // the stream stays open
		if err != nil || string(e.Data) != "a" {
			t.Errorf("line end %q: got %q, %v", end, e.Data, err)
		}
	}
}

func TestReaderLimit(t *testing.T) {
	t.Parallel()
	const limit = 64
	fits := "data: " + strings.Repeat("x", limit-len("data: \n")) + "\n\n"
	for _, tt := range []struct {
		name, stream string
		want         error
	}{
		{"at the limit", fits + fits, io.EOF},
		{"one byte more", fits + "data: x" + fits[len("data: "):], sse.ErrTooLarge},
		{"many lines", strings.Repeat("data: x\n", 40), sse.ErrTooLarge},
		{"a comment without end", ":" + strings.Repeat("x", 2*limit), sse.ErrTooLarge},
		{"comments inside an event", "data: a\n" + strings.Repeat(": hb\n", 100) + "\n", io.EOF},
		{"fields without data", strings.Repeat("event: x\nid: 1\nfoo: bar\n", 100), io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, source := range map[string]io.Reader{
				"whole": strings.NewReader(tt.stream),
				"bytes": iotest.OneByteReader(strings.NewReader(tt.stream)),
			} {
				r := sse.NewReader(source, limit)
				if _, err := readTo(r); !errors.Is(err, tt.want) {
					t.Errorf("%s: ended with %v, want %v", name, err, tt.want)
				}
				if _, err := r.Next(); !errors.Is(err, tt.want) {
					t.Errorf("%s: then %v, want %v again", name, err, tt.want)
				}
			}
		})
	}
}

func TestReaderPassesOnWhatTheSourceFailsWith(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := sse.NewReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(broken)), 1<<10)
	if events, err := readTo(r); !errors.Is(err, broken) || len(events) != 1 {
		t.Errorf("got %v, %v", events, err)
	}
}

func TestLastEventIDAndRetry(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]string{
		"":                                    " 0s false",
		"id: 7\n\n":                           "7 0s false",
		"id: 7\n\nid: 8\n":                    "7 0s false", // an event cut off
		"retry: 1500\n":                       " 1.5s true",
		"retry: 0\n":                          " 0s true",
		"retry: 10\nretry: 1s\nretry: -5\n":   " 10ms true",
		"retry\nretry:\nretry: 99999999999\n": " 0s false",
	} {
		r := sse.NewReader(strings.NewReader(stream), 1<<10)
		if _, err := readTo(r); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		wait, told := r.Retry()
		if got := fmt.Sprint(string(r.LastEventID()), " ", wait.String(), " ", told); got != want {
			t.Errorf("%q: got %q, want %q", stream, got, want)
		}
	}
}

func TestReaderStartsSmall(t *testing.T) {
	t.Parallel()
	asked := 0
	source := readerFunc(func(p []byte) (int, error) {
		asked = max(asked, len(p))
		return copy(p, "data: a\n\n"), nil
	})
	r := sse.NewReader(source, 1<<20)
	for range 10_000 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if asked > 4<<10 {
		t.Errorf("read %d bytes at once: the buffer grew for small events", asked)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReaderGivesUpOnASourceWithoutProgress(t *testing.T) {
	t.Parallel()
	r := sse.NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), 1<<10)
	if _, err := r.Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, tt := range streams {
		f.Add(tt.stream, 7)
	}
	f.Add("data: a\r\r\r\n\rdata", 1)
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		want := readByTheBook(stream)
		if got := readAll(t, strings.NewReader(stream), len(stream)+16); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		source := strings.NewReader(stream)
		pieces := readerFunc(func(p []byte) (int, error) {
			return source.Read(p[:min(len(p), max(piece, 1))])
		})
		if got := readAll(t, pieces, len(stream)+16); !slices.Equal(got, want) {
			t.Fatalf("in pieces of %d: got %q, want %q", piece, got, want)
		}
	})
}

// readByTheBook is the algorithm of the standard, word by word, on a whole
// stream.
func readByTheBook(stream string) []event {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	lines := strings.Split(stream, "\n")
	var events []event
	var id, name, data string
	for _, line := range lines[:len(lines)-1] { // the last one has no end
		if line == "" {
			if data != "" {
				events = append(events, event{id, name, strings.TrimSuffix(data, "\n")})
			}
			name, data = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "data":
			data += value + "\n"
		case field == "event":
			name = value
		case field == "id" && !strings.Contains(value, "\x00"):
			id = value
		}
	}
	return events
}

func BenchmarkReader(b *testing.B) {
	chunk := `data: {"id":"gen-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" world"}}]}` + "\n\n"
	stream := strings.Repeat(chunk, 1000)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	n := 0
	var r *sse.Reader
	for b.Loop() {
		if n%1000 == 0 {
			r = sse.NewReader(strings.NewReader(stream), 1<<20)
		}
		n++
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
