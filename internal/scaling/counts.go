package scaling

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Count is one counter as it was scraped, oldest sample first.
type Count struct {
	Name    string // of the pod that counts
	Samples []Sample
}

// Load is how fast counters grew together.
type Load struct {
	Rates []float64 // per second, in steps of equal length, oldest first
	At    time.Time // the end of the last step
	// Partial says that one that counts has not been heard of lately, or only just: the last rates may be too low.
	Partial bool
}

// LoadOf adds up counters of the same thing in steps. The steps end where the newest scrapes did, so that a lone counter's steps are
// exactly what came from scrape to scrape: a jump is not smeared over two. now is the clock that dated the samples; a counter whose
// newest sample is older than limit counts for what it counted, and no more.
//
// The error wraps ErrNoData, ErrStale or ErrInvalid.
func LoadOf(counts []Count, step time.Duration, now time.Time, limit time.Duration) (Load, error) {
	tracks, err := tracksOf(counts, now.Add(step))
	if err != nil {
		return Load{}, err
	}
	if len(tracks) == 0 {
		return Load{}, fmt.Errorf("%w: nobody has counted", ErrNoData)
	}
	newest, oldest := tracks[0].end(), tracks[0].start()
	for _, t := range tracks {
		newest, oldest = later(newest, t.end()), earlier(oldest, t.start())
	}
	if age := now.Sub(newest); age > limit {
		return Load{}, fmt.Errorf("%w: the newest sample is %.3g s old, the limit is %v", ErrStale, age.Seconds(), limit)
	}
	load := Load{At: newest}
	for _, t := range tracks {
		if lag := newest.Sub(t.end()); lag <= step*3/2 {
			load.At = earlier(load.At, t.end())
		}
	}
	n := int(load.At.Sub(oldest) / step)
	if n == 0 {
		return Load{}, fmt.Errorf("%w: scraped only for %v, and a step is %v", ErrNoData, load.At.Sub(oldest), step)
	}
	load.Rates = make([]float64, n)
	begin := load.At.Add(-time.Duration(n) * step)
	for _, t := range tracks {
		t.trusted = now.Sub(t.end()) <= limit
		t.addTo(load.Rates, begin, step)
		late := newest.Sub(t.end()) > step*3/2
		fresh := t.start().After(load.At.Add(-2*step)) && t.start().Sub(oldest) > step
		load.Partial = load.Partial || late || fresh
	}
	return load, nil
}

// ScrapedEvery is the usual time between samples; 0 where there are none.
func ScrapedEvery(counts []Count) time.Duration {
	var apart []time.Duration
	for _, c := range counts {
		for i := 1; i < len(c.Samples); i++ {
			apart = append(apart, c.Samples[i].At.Sub(c.Samples[i-1].At))
		}
	}
	if len(apart) == 0 {
		return 0
	}
	slices.Sort(apart)
	return apart[len(apart)/2].Round(time.Second)
}

// track is a counter that never falls: where it fell, it began anew.
type track struct {
	at      []time.Time
	total   []float64
	trusted bool // to have gone on as it went, after its newest sample
}

func tracksOf(counts []Count, future time.Time) ([]track, error) {
	var tracks []track
	for _, c := range counts {
		t := track{}
		total, before := 0.0, 0.0
		for i, s := range c.Samples {
			switch {
			case !(s.Value >= 0) || math.IsInf(s.Value, 0):
				return nil, fmt.Errorf("%w: %s counts %v", ErrInvalid, c.Name, s.Value)
			case s.At.After(future):
				return nil, fmt.Errorf("%w: %s has a sample from the future, of %v", ErrInvalid, c.Name, s.At.UTC())
			case i > 0 && !s.At.After(c.Samples[i-1].At):
				return nil, fmt.Errorf("%w: %s has samples out of order, at %v", ErrInvalid, c.Name, s.At.UTC())
			case i > 0 && s.Value >= before:
				total += s.Value - before
			case i > 0:
				total += s.Value
			}
			before = s.Value
			t.at, t.total = append(t.at, s.At), append(t.total, total)
		}
		if len(t.at) > 0 {
			tracks = append(tracks, t)
		}
	}
	return tracks, nil
}

func (t track) start() time.Time { return t.at[0] }
func (t track) end() time.Time   { return t.at[len(t.at)-1] }

// addTo adds the counter's rates in steps from a time on.
func (t track) addTo(rates []float64, begin time.Time, step time.Duration) {
	before := t.value(begin, step)
	for i := range rates {
		after := t.value(begin.Add(time.Duration(i+1)*step), step)
		rates[i] += (after - before) / step.Seconds()
		before = after
	}
}

// value is what was counted until a time: between samples on the line between them, after the last as it went of late.
func (t track) value(at time.Time, step time.Duration) float64 {
	i, exact := slices.BinarySearchFunc(t.at, at, time.Time.Compare)
	switch {
	case exact:
		return t.total[i]
	case i == 0:
		return t.total[0]
	case i < len(t.at):
		share := float64(at.Sub(t.at[i-1])) / float64(t.at[i].Sub(t.at[i-1]))
		return t.total[i-1] + share*(t.total[i]-t.total[i-1])
	case !t.trusted || len(t.at) < 2:
		return t.total[i-1]
	}
	back := t.end().Add(-2 * step)
	back = later(back, t.start())
	slope := (t.total[i-1] - t.value(back, step)) / t.end().Sub(back).Seconds()
	return t.total[i-1] + slope*at.Sub(t.end()).Seconds()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
