package soak

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// well is the result of a server that is well: its memory goes up and down around 100 MB, as garbage comes and is collected.
func well() Result {
	r := Result{
		Before: Vitals{RSS: 80e6, Goroutines: 11, Files: 15}, After: Vitals{RSS: 120e6, Goroutines: 10, Files: 15},
		Kinds: []Tally{{Kind: "photo", Endings: map[string]int{"200": 90, "503": 10}}},
	}
	for i := range 180 {
		r.Load = append(r.Load, Vitals{Second: float64(10 * i), RSS: 100e6 + 1e6*float64(i*7%11-5), Goroutines: 30, Files: 40})
	}
	return r
}

func TestFaults(t *testing.T) {
	growing := func(perSecond float64, from int) func(*Result) {
		return func(r *Result) {
			for i := range r.Load {
				r.Load[i].RSS += perSecond * max(0, r.Load[i].Second-float64(10*from))
			}
		}
	}
	for _, c := range []struct {
		name  string
		wound func(*Result)
		says  string // empty: it is well
	}{
		{"well", func(*Result) {}, ""},
		{"it learns at first", func(r *Result) {
			for i := range 60 {
				r.Load[i].RSS = 1e6 * float64(i)
			}
		}, ""},
		{"it grows slower than what counts", growing(4e3, 0), ""},
		{"it grows", growing(20e3, 0), "its memory grows by 10.0 % in ten minutes"},
		{"it grows, and was not looked at for long", func(r *Result) { growing(20e3, 0)(r); r.Load = r.Load[90:179] }, ""},
		{"it shrinks", growing(-20e3, 0), ""},
		{"ever more huge pictures", func(r *Result) {
			for i := range r.Load {
				if i%floorLooks == 0 {
					r.Load[i].RSS += 1e6 * float64(i)
				}
			}
		}, ""},
		{"an answer that must not be", func(r *Result) { r.Kinds[0].Wrong = 1 }, "photo: 1 of 100 ended as they must not"},
		{"failures", func(r *Result) { r.ServerErrors = 2 }, "2 failures of its own"},
		{"goroutines", func(r *Result) { r.After.Goroutines = 12 }, "12 goroutines are left where 11 were"},
		{"files", func(r *Result) { r.After.Files = 16 }, "16 files are left open where 15 were"},
		{"its end", func(r *Result) { r.Ended = "it ended with exit code 1" }, "exit code 1"},
	} {
		r := well()
		c.wound(&r)
		faults := r.Faults()
		if want := min(1, len(c.says)); len(faults) != want || (want == 1 && !strings.Contains(faults[0], c.says)) {
			t.Errorf("%s: the faults are %q, want %q", c.name, faults, c.says)
		}
	}
}

func TestFitIsTheLineOfLeastSquares(t *testing.T) {
	x := []float64{0, 1, 2, 3, 4}
	exact := fit(x, []float64{5, 7, 9, 11, 13})
	if exact.Mean != 9 || math.Abs(exact.Slope-2) > 1e-12 || exact.Error > 1e-9 {
		t.Errorf("of 5 + 2x: %+v", exact)
	}
	// By hand: the slope is 6/10, the residuals' squares sum to 2.4.
	noisy := fit(x, []float64{1, 3, 2, 3, 4})
	if math.Abs(noisy.Slope-0.6) > 1e-12 || math.Abs(noisy.Error-math.Sqrt(1.6/3/10)) > 1e-12 {
		t.Errorf("of 1, 3, 2, 3, 4: %+v", noisy)
	}
	for _, n := range []int{0, 1, 2} {
		if got := fit(x[:n], slices.Clone(x[:n])); got.Slope > got.Error {
			t.Errorf("%d points have a slope: %+v", n, got)
		}
	}
}
