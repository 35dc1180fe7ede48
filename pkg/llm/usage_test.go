package llm

import "testing"

func TestDecimal(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"0": "0", "0.0": "0", "1": "1", "0.10": "0.1", "0.00001234": "0.00001234", "1.5e-7": "0.00000015",
		"2.97E-06": "0.00000297", "1e3": "1000", "1.25e1": "12.5", "12e+0": "12", "120e-1": "12",
		"0.1234567890123456789012345": "0.1234567890123456789012345", "007.50": "7.5",
		"": "", "null": "", "-1": "", "x": "", "1e99": "", "1e-99": "", "1ex": "", ".": "", "NaN": "", "1.2.3": "", "{}": "",
	} {
		got, ok := decimal(number)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", number, got, ok, want)
		}
	}
}
