package scaling

import (
	"math"
	"time"
)

// Record is a load over time, put together from what is told of it now and then.
type Record struct {
	Rates []float64 // requests per second, in steps, oldest first; not a number: not known
	End   time.Time // of the last step
}

// Followed is the record with what was told since, of the last kept steps.
func (r Record) Followed(l Load, step time.Duration, kept int) Record {
	n := int(math.Round(float64(l.At.Sub(r.End)) / float64(step)))
	switch {
	case len(r.Rates) == 0 || n > kept:
		return Record{Rates: l.Rates, End: l.At}
	case n <= 0:
		return r
	}
	// The end keeps its own time, so that steps that come a little early or late do not add up.
	r.End = r.End.Add(time.Duration(n) * step)
	r.Rates = joined(r.Rates, l.Rates[max(0, len(l.Rates)-n):], n-len(l.Rates))
	if len(r.Rates) >= 2*kept {
		r.Rates = append([]float64{}, r.Rates[len(r.Rates)-kept:]...)
	}
	return r
}

// After is the record with an older one before it.
func (r Record) After(older Record, step time.Duration) Record {
	for len(older.Rates) > 0 && math.IsNaN(older.Rates[0]) {
		older.Rates = older.Rates[1:] // before it was measured
	}
	if len(r.Rates) == 0 || len(older.Rates) == 0 {
		r.Rates, r.End = append(older.Rates, r.Rates...), later(r.End, older.End)
		return r
	}
	begin := r.End.Add(-time.Duration(len(r.Rates)) * step)
	twice := int(math.Round(float64(older.End.Sub(begin)) / float64(step)))
	kept := min(max(0, len(older.Rates)-max(0, twice)), len(older.Rates))
	r.Rates = joined(older.Rates[:kept], r.Rates, -twice)
	return r
}

// joined is one list after another, with what is not known between them.
func joined(first, second []float64, unknown int) []float64 {
	for range max(0, unknown) {
		first = append(first, math.NaN())
	}
	return append(first, second...)
}

// longestGap is how long a record may lack for want of a few ticks, without being looked up again.
const longestGap = 2 * time.Minute

// Gap tells whether a record lacks more of the time until now than a load tells of.
func (r Record) Gap(l Load, step time.Duration) bool {
	return len(r.Rates) == 0 || l.At.Sub(r.End) > max(longestGap, time.Duration(len(l.Rates))*step)
}
