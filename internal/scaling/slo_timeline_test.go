package scaling

import (
	"math"
	"strings"
	"testing"
	"time"
)

// A timeline of policy slo is a story like those of TestTimelines, with the load of all replicas instead of signals:
//
//	policy min=1 max=40 capacity=20 start=10s
//	30m  replicas=5 load=60            -> 5→5
//	+5s  load=140 waiting=200          -> 5→14 a burst
//
// load is requests per second since the line before, in steps of five seconds; a word instead says what it lacks, and nan that the last
// step is not known. A time that begins with + counts from the line before. Replicas that are not given are those of the last decision,
// all ready unless pods= says how each is. partial, rollout, and blind (only what is answered is seen) are what they say.
func TestSLOTimelines(t *testing.T) {
	runTimelines(t, "testdata/slo/*.timeline", func(t *testing.T, settings []string) story { return newSLOStory(t, settings) })
}

// sloStory is a timeline of policy slo.
type sloStory struct {
	policy   SLO
	demand   Demand
	past     []Decision
	now      time.Time
	replicas int
}

const storyStep = 5 * time.Second

var storyEpoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func newSLOStory(t *testing.T, words []string) *sloStory {
	s := &sloStory{now: storyEpoch, replicas: -1, policy: SLO{Min: 1, Max: 40, Latency: 250 * time.Millisecond, Interval: storyStep, QueueTimeout: 10 * time.Second, Tuning: DefaultTuning()}}
	s.demand = Demand{Step: storyStep, Slots: 1}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "min":
			s.policy.Min = number(t, value)
		case "max":
			s.policy.Max = number(t, value)
		case "latency":
			s.policy.Latency = duration(t, value)
		case "max-cost":
			s.policy.Max, s.policy.MaxWhy = ceiling(t, s.policy.Max, value)
		case "up":
			s.policy.UpSteps = steps(t, value)
		case "down":
			s.policy.DownSteps = steps(t, value)
		case "capacity":
			s.demand.Capacity = float(t, value)
		case "start":
			s.demand.StartTime = duration(t, value)
		default:
			t.Fatalf("no setting %q", name)
		}
	}
	return s
}

// decide lets time pass and asks for one decision.
func (s *sloStory) decide(t *testing.T, seen []string) Decision {
	t.Helper()
	before := s.now
	if relative, ok := strings.CutPrefix(seen[0], "+"); ok {
		s.now = s.now.Add(duration(t, relative))
	} else {
		s.now = storyEpoch.Add(duration(t, seen[0]))
	}
	o := s.observe(t, seen[1:], s.now.Sub(before))
	if s.past == nil {
		s.past = []Decision{Start(o.Replicas, s.now)}
	}
	d := s.policy.Decide(s.past, o, s.now)
	d.Applied = d.Changed()
	s.past, s.replicas = append(s.past, d), d.To
	return d
}

func (s *sloStory) observe(t *testing.T, words []string, passed time.Duration) Observation {
	t.Helper()
	o := Observation{Replicas: s.replicas}
	o.Demand = s.demand
	states := ""
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "replicas":
			o.Replicas = number(t, value)
		case "pods":
			states = strings.ReplaceAll(value, ",", "")
		case "rollout":
			o.RollingOut = true
		case "partial":
			o.Demand.Partial = true
		case "blind":
			o.Demand.Served = true
		case "waiting":
			o.Demand.Waiting = float(t, value)
		case "answering":
			o.Demand.Answering = float(t, value)
		case "load":
			s.load(t, value, passed, &o.Demand)
		default:
			t.Fatalf("no word %q", name)
		}
	}
	if states == "" {
		states = strings.Repeat("r", max(0, o.Replicas))
	}
	for _, state := range states {
		o.Pods = append(o.Pods, podStates[state](s.now))
	}
	return o
}

// load appends a constant rate, or sees what it lacks.
func (s *sloStory) load(t *testing.T, value string, passed time.Duration, d *Demand) {
	t.Helper()
	if err, ok := faults[value]; ok {
		d.Err = err
		return
	}
	rate := math.NaN()
	if value != "nan" {
		rate = float(t, value)
	}
	for range passed / storyStep {
		s.demand.Rates = append(s.demand.Rates, rate)
	}
	s.demand.At = s.now
	d.Rates, d.At = s.demand.Rates, s.now
}
