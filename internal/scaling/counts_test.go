package scaling

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

const second = time.Second

// counted is a counter that was scraped every five seconds: values by the scrape, from a time on; ! is a scrape that failed.
func counted(t *testing.T, name string, from time.Duration, values string) Count {
	c := Count{Name: name}
	for i, v := range strings.Fields(values) {
		if v != "!" {
			c.Samples = append(c.Samples, Sample{Value: float(t, v), At: storyEpoch.Add(from + time.Duration(i)*5*second)})
		}
	}
	return c
}

func TestLoadOfCounters(t *testing.T) {
	for name, c := range map[string]struct {
		counts  map[string]string // by when the first scrape was
		now     time.Duration
		rates   []float64
		at      time.Duration
		partial bool
		err     error
	}{
		"one counter, from scrape to scrape": {counts: map[string]string{"0s": "100 150 250 250"}, now: 17 * second, rates: []float64{10, 20, 0}, at: 15 * second},
		"it began anew":                      {counts: map[string]string{"0s": "100 150 20 70"}, now: 17 * second, rates: []float64{10, 4, 10}, at: 15 * second},
		"two at different times":             {counts: map[string]string{"0s": "0 50 100 150", "2s": "0 50 100 150"}, now: 17 * second, rates: []float64{16, 20, 20}, at: 15 * second},
		"a scrape that failed":               {counts: map[string]string{"0s": "0 50 ! 150"}, now: 17 * second, rates: []float64{10, 10, 10}, at: 15 * second},
		"one that fell silent is taken to go on, and said to be missing": {
			counts: map[string]string{"0s": "0 50 100 150 200 250", "1s": "0 50 100"}, now: 26 * second, rates: []float64{18, 20, 20, 20, 20}, at: 25 * second, partial: true,
		},
		"one that has been silent for long counts for nothing any more": {
			counts: map[string]string{"0s": "0 50 100 150 200 250 300 350", "1s": "0 50 100"}, now: 36 * second, rates: []float64{18, 20, 12, 10, 10, 10, 10}, at: 35 * second, partial: true,
		},
		"one that has only begun": {counts: map[string]string{"0s": "0 50 100 150", "12s": "70"}, now: 17 * second, rates: []float64{10, 10}, at: 12 * second, partial: true},
		"nobody":                  {err: ErrNoData},
		"scraped once":            {counts: map[string]string{"0s": "100"}, now: 2 * second, err: ErrNoData},
		"stale":                   {counts: map[string]string{"0s": "0 50"}, now: 26 * second, err: ErrStale},
		"not a number":            {counts: map[string]string{"0s": "0 NaN"}, now: 6 * second, err: ErrInvalid},
		"negative":                {counts: map[string]string{"0s": "0 -1"}, now: 6 * second, err: ErrInvalid},
		"infinite":                {counts: map[string]string{"0s": "0 +Inf"}, now: 6 * second, err: ErrInvalid},
		"from the future":         {counts: map[string]string{"0s": "0 5"}, now: -1 * second, err: ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			var counts []Count
			for from, values := range c.counts {
				counts = append(counts, counted(t, "dispatcher-"+from, duration(t, from), values))
			}
			load, err := LoadOf(counts, 5*second, storyEpoch.Add(c.now), 20*second)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if !load.At.Equal(storyEpoch.Add(c.at)) || load.Partial != c.partial {
				t.Errorf("until %v, partial %v; want %v, %v", load.At.Sub(storyEpoch), load.Partial, c.at, c.partial)
			}
			if !sameRates(load.Rates, c.rates) {
				t.Errorf("%v, want %v", load.Rates, c.rates)
			}
		})
	}
}

func sameRates(got, want []float64) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-9 && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			return false
		}
	}
	return true
}

func TestScrapedEvery(t *testing.T) {
	c := counted(t, "a", 0, "1 2 3 ! 4 5")
	if got := ScrapedEvery([]Count{c}); got != 5*second {
		t.Errorf("every %v", got)
	}
	if got := ScrapedEvery(nil); got != 0 {
		t.Errorf("nobody, every %v", got)
	}
}

func TestRecord(t *testing.T) {
	nan := math.NaN()
	told := func(at time.Duration, rates ...float64) Load {
		return Load{At: storyEpoch.Add(at), Rates: rates}
	}
	for name, c := range map[string]struct {
		loads []Load
		older Record
		want  []float64
		end   time.Duration
	}{
		"what is new is added":          {loads: []Load{told(15*second, 1, 2, 3), told(25*second, 3, 4, 5)}, want: []float64{1, 2, 3, 4, 5}, end: 25 * second},
		"nothing is new":                {loads: []Load{told(15*second, 1, 2, 3), told(15*second, 1, 2, 3)}, want: []float64{1, 2, 3}, end: 15 * second},
		"a little early":                {loads: []Load{told(15*second, 1, 2, 3), told(19*second, 2, 3, 4), told(24*second, 3, 4, 5)}, want: []float64{1, 2, 3, 4, 5}, end: 25 * second},
		"what was missed is not known":  {loads: []Load{told(15*second, 1, 2, 3), told(40*second, 6, 7)}, want: []float64{1, 2, 3, nan, nan, nan, 6, 7}, end: 40 * second},
		"all was missed":                {loads: []Load{told(15*second, 1, 2, 3), told(time.Hour, 6, 7)}, want: []float64{6, 7}, end: time.Hour},
		"what was before":               {loads: []Load{told(15*second, 1, 2, 3)}, older: Record{[]float64{nan, 7, 8, 9}, storyEpoch.Add(5 * second)}, want: []float64{7, 8, 1, 2, 3}, end: 15 * second},
		"what was before, and no more":  {older: Record{[]float64{nan, 7, 8}, storyEpoch.Add(5 * second)}, want: []float64{7, 8}, end: 5 * second},
		"what was long before":          {loads: []Load{told(25*second, 1, 2, 3)}, older: Record{[]float64{7, 8}, storyEpoch}, want: []float64{7, 8, nan, nan, 1, 2, 3}, end: 25 * second},
		"what was before is not longer": {loads: []Load{told(15*second, 1, 2, 3)}, older: Record{[]float64{8, 9}, storyEpoch.Add(15 * second)}, want: []float64{1, 2, 3}, end: 15 * second},
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			for _, l := range c.loads {
				r = r.Followed(l, 5*second, 20)
			}
			r = r.After(c.older, 5*second)
			if !sameRates(r.Rates, c.want) || !r.End.Equal(storyEpoch.Add(c.end)) {
				t.Errorf("%v until %v, want %v until %v", r.Rates, r.End.Sub(storyEpoch), c.want, c.end)
			}
		})
	}
}

// A record of weeks is no longer than one of hours.
func TestARecordForgets(t *testing.T) {
	var r Record
	for i := range 10_000 {
		r = r.Followed(Load{At: storyEpoch.Add(time.Duration(i) * 5 * second), Rates: []float64{float64(i)}}, 5*second, 100)
		if len(r.Rates) >= 200 || cap(r.Rates) > 1000 {
			t.Fatalf("after %d: %d of %d", i, len(r.Rates), cap(r.Rates))
		}
	}
	if last := r.Rates[len(r.Rates)-1]; last != 9999 || len(r.Rates) < 100 {
		t.Errorf("%d steps, the last is %v", len(r.Rates), last)
	}
}
