package simulate

import (
	"math"

	"resnet-autoscaling/internal/scaling"
)

// scrapes are those of one counter: when the first was, and the time between two.
type scrapes struct{ first, every float64 }

// before is the last one that is not after a time.
func (s scrapes) before(at float64) float64 {
	return s.first + s.every*math.Floor((at-s.first)/s.every)
}

// scrapesOfPod are those of a replica. Prometheus spreads targets over the interval by their names.
func (l *Live) scrapesOfPod(p Pod) scrapes {
	const golden = 0.618034 // its multiples are spread evenly, however many there are
	phase := scrapeEvery * math.Mod(golden*float64(p.Name), 1)
	return scrapes{first: p.Started + phase, every: scrapeEvery}
}

// scrapesOfNode are those that tell of a replica's CPU: from the first that finds it.
func (l *Live) scrapesOfNode(p Pod) scrapes {
	s := scrapes{first: l.Scrapes.CPU, every: cpuEvery}
	return scrapes{first: s.before(p.Started) + cpuEvery, every: cpuEvery}
}

// rated is each ready replica's rate by its own scrapes, of those that were scraped twice within the window.
func (l *Live) rated(v *View, window float64, when func(Pod) scrapes, of func(Totals) float64) (map[string]scaling.Sample, error) {
	now := float64(v.Second())
	samples := map[string]scaling.Sample{}
	for i, p := range v.Pods() {
		s := when(p)
		last := s.before(now)
		first := max(s.first, s.before(now-window)+s.every)
		if !p.Ready || last <= first {
			continue
		}
		counts := func(at float64) float64 { // since it was ready, or as far back as is remembered
			from := max(p.Since, now-remembered+2, 0)
			return of(v.around(max(at, from))) - of(v.around(from))
		}
		c := counted{before: counts(first), increase: counts(last) - counts(first), first: first, last: last, every: s.every}
		samples[l.pods[i].Name] = scaling.Sample{Value: c.rate(now-window, now), At: instant(last)}
	}
	if len(samples) == 0 {
		return nil, scaling.ErrNoData
	}
	return samples, nil
}

// counted is a counter between its first and last sample in a window.
type counted struct{ before, increase, first, last, every float64 }

// rate is Prometheus': the increase from the first to the last sample, carried on to the ends of the window where they are as near as
// samples are, and by half of that where they are not; but back to no earlier than when the counter would have been 0 (extrapolatedRate in
// promql/functions.go).
func (c counted) rate(from, until float64) float64 {
	if c.increase == 0 {
		return 0
	}
	carried := func(gap float64) float64 {
		if gap >= 1.1*c.every {
			return c.every / 2
		}
		return gap
	}
	covered := c.last - c.first
	back := min(carried(c.first-from), covered*c.before/c.increase)
	return c.increase * (covered + back + carried(until-c.last)) / covered / (until - from)
}
