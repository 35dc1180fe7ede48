package main

import (
	"math"
	"testing"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, test := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{[]float64{7}, 50, 7},
		{[]float64{7}, 99, 7},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 3, 2, 1}, 50, 2},
		{hundred, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		if found := percentile(test.values, test.p); found != test.want {
			t.Errorf("p%v of %d values is %v, want %v", test.p, len(test.values), found, test.want)
		}
	}
	if found := percentile(nil, 50); !math.IsNaN(found) {
		t.Errorf("the percentile of nothing is %v, want NaN", found)
	}
}

func TestMedianLeavesItsValuesInOrder(t *testing.T) {
	values := []float64{9, 1, 5, 3}
	if found := median(values); found != 4 {
		t.Errorf("the median is %v, want 4", found)
	}
	if values[0] != 9 {
		t.Error("the values were sorted in place")
	}
	if found := median(values[:3]); found != 5 {
		t.Errorf("the median is %v, want 5", found)
	}
	if found := median(nil); !math.IsNaN(found) {
		t.Errorf("the median of nothing is %v, want NaN", found)
	}
}
