package figures

import (
	"math"
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	if got := Median([]float64{9, 1, 4}); got != 4 {
		t.Errorf("the middle of three is %v", got)
	}
	if got := Median([]float64{4, 9, 1, 2}); got != 3 {
		t.Errorf("the middle of four is %v", got)
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("the middle of nothing is %v", got)
	}
	if got := Ratios([]float64{6, 8, 1}, []float64{2, 4}); len(got) != 2 || got[0] != 3 || got[1] != 2 {
		t.Errorf("ratios are %v", got)
	}
	if got := Milliseconds(1500 * time.Microsecond); got != 1.5 {
		t.Errorf("it is %v ms", got)
	}
}

func TestGridAlignsByCharacters(t *testing.T) {
	want := "| proxy | ×    |\n|-------|------|\n| a     | 2 µs |\n"
	if got := Grid([][]string{{"proxy", "×"}, {"a", "2 µs"}}); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}
