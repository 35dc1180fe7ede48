package main

import (
	"strings"
	"testing"
)

func TestTableShowsMediansAndHowManyTimesWorseWeAre(t *testing.T) {
	cost := newRow(false, "a cost")
	speed := newRow(true, "a speed")
	for i, values := range map[string][2]float64{
		bareHTTP: {2, 80_000}, bareEcho: {4, 100_000}, dreamchat: {5, 50_000}, openAIWire: {3, 60_000}, withRedis: {6, 40_000}, relayed: {7, 20_000},
	} {
		for _, noise := range []float64{3, 1, 0.5} { // the median is the value itself
			cost.add(i, values[0]*noise)
			speed.add(i, values[1]*noise)
		}
	}
	unknown := newRow(false, "a cost without a floor")
	unknown.add(bareEcho, 0)
	unknown.add(dreamchat, 1)

	var out strings.Builder
	if err := printTable(&out, []*row{cost, speed, unknown}); err != nil {
		t.Fatal(err)
	}
	want := `| | bare net/http | bare Echo | dreamchat | dreamchat on OpenAI's wire | dreamchat with Redis | through the relay |
|---|---:|---:|---:|---:|---:|---:|
| a cost | 2.00 | 4.00 (2.00) | 5.00 (2.50) | 3.00 (1.50) | 6.00 (3.00) | 7.00 (3.50) |
| a speed | 80,000 | 100,000 (0.80) | 50,000 (1.60) | 60,000 (1.33) | 40,000 (2.00) | 20,000 (4.00) |
| a cost without a floor | – | 0.00 | 1.00 | – | – | – |
`
	if out.String() != want {
		t.Errorf("the table is\n%swant\n%s", out.String(), want)
	}
}

func TestNumbersShowThreeDigits(t *testing.T) {
	for value, want := range map[float64]string{
		0.004: "0.00", 0.126: "0.13", 9.87: "9.87", 12.34: "12.3", 123.4: "123",
		9.996: "10.0", 99.96: "100", 999.6: "1,000", 1000: "1,000", 12_345.6: "12,346", 1_234_567: "1,234,567", -4_321: "-4,321", -123_456: "-123,456",
	} {
		if found := number(value); found != want {
			t.Errorf("%v is shown as %q, want %q", value, found, want)
		}
	}
}
