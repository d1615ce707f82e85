package summary

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Merge is the result of several testers that drove one service together. Their seconds are laid over each other by when each began. A
// second's own percentiles are those of its worst tester: the true ones are no higher. What all of them saw of the cluster is told once. All together are held to the objectives that each had, and to further ones.
func Merge(results []Result, further ...SLO) (Result, error) {
	if len(results) == 0 {
		return Result{}, errors.New("merge: there is no result")
	}
	first := slices.MinFunc(results, func(a, b Result) int { return a.Started.Compare(b.Started) })
	merged := Result{URL: first.URL, Started: first.Started, Profile: first.Profile, Tags: maps.Clone(first.Tags)}
	all := newTotals()
	m := merger{into: &merged, seconds: map[int]*Second{}}
	for i, r := range results {
		if err := all.addResult(r); err != nil {
			return Result{}, fmt.Errorf("merge: result %d, begun at %s: %w", i+1, r.Started.Format(time.TimeOnly), err)
		}
		m.add(r)
	}
	slos, err := m.finish(results)
	if err != nil {
		return Result{}, err
	}
	merged.fill(&all, append(slos, further...))
	if len(results) > 1 {
		merged.Notes = append(merged.Notes, fmt.Sprintf("Merged from %d testers: the percentiles of a single second are those of its worst one.", len(results)))
	}
	return merged, nil
}

// addResult adds a result's figures.
func (t *totals) addResult(r Result) error {
	if r.LatencyHistogram.Histogram == nil || r.LagHistogram.Histogram == nil {
		return errors.New("it has no histograms: it is no result of this load tester, or one of before they were kept")
	}
	add(t.latency, r.LatencyHistogram)
	add(t.lag, r.LagHistogram)
	t.counts[OK] += r.OK
	for kind, n := range r.Errors {
		t.counts[kind] += n
	}
	t.bytes, t.recvd = t.bytes+r.BytesSent, t.recvd+r.BytesReceived
	if r.Labels != nil {
		t.checked, t.wrong = t.checked+r.Labels.Checked, t.wrong+r.Labels.Wrong
	}
	for _, s := range r.Stages {
		i := stageNamed(s.Name)
		if i < 0 || s.Histogram.Histogram == nil {
			continue
		}
		if t.stages[i] == nil {
			t.stages[i] = newFine()
		}
		add(t.stages[i], s.Histogram)
	}
	return nil
}

// add clamps what another range held.
func add(to *hdrhistogram.Histogram, from Histogram) {
	for _, bar := range from.Distribution() {
		if bar.Count > 0 {
			_ = to.RecordValues(min(max(bar.To, to.LowestTrackableValue()), to.HighestTrackableValue()), bar.Count)
		}
	}
}

type merger struct {
	into    *Result
	seconds map[int]*Second
}

func (m *merger) add(r Result) {
	offset := r.Started.Sub(m.into.Started).Seconds()
	m.into.Seconds = max(m.into.Seconds, offset+r.Seconds)
	m.into.Ended = max(m.into.Ended, offset+r.Ended)
	m.into.Early = m.into.Early || r.Early
	if m.into.Aborted == "" {
		m.into.Aborted = r.Aborted
	}
	m.addWarmup(r.Warmup)
	for _, s := range r.Timeline {
		m.addSecond(s, s.Second+int(math.Round(offset)))
	}
	for _, note := range r.Notes {
		if !slices.Contains(m.into.Notes, note) {
			m.into.Notes = append(m.into.Notes, note)
		}
	}
}

func (m *merger) addWarmup(w *Warmup) {
	if w == nil {
		return
	}
	if m.into.Warmup == nil {
		m.into.Warmup = &Warmup{}
	}
	m.into.Warmup.Requests += w.Requests
	m.into.Warmup.Seconds = max(m.into.Warmup.Seconds, w.Seconds)
}

func (m *merger) addSecond(s Second, at int) {
	to := m.seconds[at]
	if to == nil {
		to = &Second{Second: at, Errors: map[Kind]int64{}}
		m.seconds[at] = to
	}
	to.Due, to.OK, to.Failed, to.Answered, to.InFlight = to.Due+s.Due, to.OK+s.OK, to.Failed+s.Failed, to.Answered+s.Answered, to.InFlight+s.InFlight
	to.P50, to.P99 = max(to.P50, s.P50), max(to.P99, s.P99)
	for kind, n := range s.Errors {
		to.Errors[kind] += n
	}
	heat := map[int]int64{}
	for _, cell := range slices.Concat(to.Heat, s.Heat) {
		heat[cell.Row] += cell.Count
	}
	to.Heat = cells(heat)
}

// finish puts the seconds in order, takes what was seen of the cluster from who saw most of it, and finds the objectives.
func (m *merger) finish(results []Result) (slos []SLO, err error) {
	length := 0
	for at := range m.seconds {
		length = max(length, at+1)
	}
	m.into.Timeline = make([]Second, length)
	for at := range m.into.Timeline {
		m.into.Timeline[at] = Second{Second: at}
		if s := m.seconds[at]; s != nil {
			m.into.Timeline[at] = *s
		}
	}
	best := slices.MaxFunc(results, func(a, b Result) int { return len(a.Replicas) - len(b.Replicas) })
	offset := best.Started.Sub(m.into.Started).Seconds()
	m.into.Replicas = []Replicas{}
	for _, r := range best.Replicas {
		r.Second += int(math.Round(offset))
		m.into.Replicas = append(m.into.Replicas, r)
	}
	for _, d := range best.Decisions {
		d.Second += offset
		m.into.Decisions = append(m.into.Decisions, d)
	}
	known := map[string]bool{}
	for _, r := range results {
		for _, v := range r.SLO {
			if known[v.SLO] {
				continue
			}
			known[v.SLO] = true
			slo, err := ParseSLO(v.SLO)
			if err != nil {
				return nil, fmt.Errorf("merge: %w", err)
			}
			slos = append(slos, slo)
		}
	}
	return slos, nil
}
