package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// The systems under load, in the order in which they take turns.
const (
	bareHTTP  = "bare net/http"
	bareEcho  = "bare Echo"
	dreamchat = "dreamchat"
	// openAIWire keeps nothing and passes chunks on as they come.
	openAIWire = "dreamchat on OpenAI's wire"
	// withRedis shows a chunk once Redis holds it.
	withRedis = "dreamchat with Redis"
	// relayed is two instances: one makes the answer, another is read.
	relayed = "through the relay"
)

func systems() []string {
	return []string{bareHTTP, bareEcho, dreamchat, openAIWire, withRedis, relayed}
}

// row is one measure: of each system a value per run, or none where there is
// nothing to measure.
type row struct {
	name   string
	more   bool // more is better
	values map[string][]float64
}

func newRow(more bool, format string, args ...any) *row {
	return &row{name: fmt.Sprintf(format, args...), more: more, values: make(map[string][]float64)}
}

func (r *row) add(system string, value float64) {
	r.values[system] = append(r.values[system], value)
}

// times is how many times worse a system is than the floor, which is bare
// net/http; NaN if that cannot be told.
func (r *row) times(system string) float64 {
	ours, floor := median(r.values[system]), median(r.values[bareHTTP])
	if r.more {
		ours, floor = floor, ours
	}
	if !(ours > 0) || !(floor > 0) {
		return math.NaN()
	}
	return ours / floor
}

// cell is the median of a system, and how many times worse than the floor it is.
func (r *row) cell(system string) string {
	value := number(median(r.values[system]))
	if times := r.times(system); system != bareHTTP && !math.IsNaN(times) {
		value += " (" + number(times) + ")"
	}
	return value
}

// printTable writes the rows as a table in Markdown.
func printTable(out io.Writer, rows []*row) error {
	var text strings.Builder
	fmt.Fprintf(&text, "| | %s |\n", strings.Join(systems(), " | "))
	text.WriteString("|---|" + strings.Repeat("---:|", len(systems())) + "\n")
	for _, r := range rows {
		text.WriteString("| " + r.name)
		for _, system := range systems() {
			text.WriteString(" | " + r.cell(system))
		}
		text.WriteString(" |\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// number shows three digits or all that stand before the point.
func number(value float64) string {
	switch size := math.Abs(value); {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return "–"
	case size >= 999.5:
		return thousands(int(math.Round(value)))
	case size >= 99.95:
		return fmt.Sprintf("%.0f", value)
	case size >= 9.995:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

// thousands sets commas in a number of four digits or more.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
