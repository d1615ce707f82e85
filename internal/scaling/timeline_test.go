package scaling

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A timeline is a story of one autoscaler: a line of settings, then at each time what is seen, an arrow and the decision.
//
//	policy min=1 max=10 down-window=60s
//	0s  replicas=2 requests=9,11/5 cpu=0.5,!  -> 2→4 …part of the reason…
//
// A signal's values are per pod, then its target; ! is a pod without a value, and a word instead of values is what it lacks. CPU looks
// back over a minute. offered is the load that the dispatcher counts, and behind a / what it refuses of it; without it, it is not known. pods=r,s,p says how each pod is, by
// the letters of podStates; without it all are ready. A hold is written hold:reason. What follows the decision is part of its reason.
func TestTimelines(t *testing.T) {
	runTimelines(t, "testdata/*.timeline", func(t *testing.T, settings []string) story { return &targetStory{policy: parsePolicy(t, settings)} })
}

// story is a timeline under way: it is told what is seen at a time, and decides.
type story interface {
	decide(t *testing.T, seen []string) Decision
}

// runTimelines runs those of some files, whose lines of settings begin a story each.
func runTimelines(t *testing.T, pattern string, begin func(t *testing.T, settings []string) story) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no timelines: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s story
			for n, line := range strings.Split(string(text), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if words := strings.Fields(line); len(words) > 0 && words[0] == "policy" {
					s = begin(t, words[1:])
				} else if len(words) > 0 {
					runLine(t, s, fmt.Sprintf("%s:%d", file, n+1), line)
				}
			}
		})
	}
}

func runLine(t *testing.T, s story, where, line string) {
	seen, want, ok := strings.Cut(line, "->")
	if !ok {
		t.Fatalf("%s: no arrow", where)
	}
	d := s.decide(t, strings.Fields(seen))
	decision, reason, _ := strings.Cut(strings.TrimSpace(want), " ")
	got := fmt.Sprintf("%d→%d", d.From, d.To)
	if d.Hold != HoldNone {
		got = "hold:" + string(d.Hold)
	}
	if got != decision || !strings.Contains(d.Reason, strings.TrimSpace(reason)) || d.Hold != HoldNone && d.Changed() {
		t.Errorf("%s: %v\nwant %s", where, d, want)
	}
}

type targetStory struct {
	policy Target
	past   []Decision
}

func (s *targetStory) decide(t *testing.T, seen []string) Decision {
	now, o := parseObservation(t, seen)
	if s.past == nil {
		s.past = []Decision{Start(o.Replicas, now)}
	}
	d := s.policy.Decide(s.past, o, now)
	d.Applied = d.Changed()
	s.past = append(s.past, d)
	return d
}

func parsePolicy(t *testing.T, words []string) Target {
	p := Target{Min: 1, Max: 10, Tolerance: 0.1, DownWindow: 300 * time.Second, UpSteps: steps(t, "100%/15s,4/15s"), DownSteps: steps(t, "100%/15s")}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "min":
			p.Min = number(t, value)
		case "max":
			p.Max = number(t, value)
		case "up-window":
			p.UpWindow = duration(t, value)
		case "down-window":
			p.DownWindow = duration(t, value)
		case "max-cost":
			p.Max, p.MaxWhy = ceiling(t, p.Max, value)
		case "up":
			p.UpSteps = steps(t, value)
		case "down":
			p.DownSteps = steps(t, value)
		default:
			t.Fatalf("no setting %q", name)
		}
	}
	return p
}

// ceiling reads what all may cost and what one costs: 2/0.5.
func ceiling(t *testing.T, most int, value string) (int, string) {
	all, one, _ := strings.Cut(value, "/")
	c := Ceiling{Replicas: most, MaxCost: float(t, all), Price: float(t, one)}
	return c.Max(), c.Why()
}

func steps(t *testing.T, text string) (list []Step) {
	for part := range strings.SplitSeq(text, ",") {
		s, err := ParseStep(part)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

var faults = map[string]error{"no-data": ErrNoData, "stale": ErrStale, "invalid": ErrInvalid, "failed": ErrFailed}

func parseObservation(t *testing.T, words []string) (time.Time, Observation) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := epoch.Add(duration(t, words[0]))
	o := Observation{Replicas: -1, Offered: Offered{Err: ErrNoData}}
	states := ""
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "replicas":
			o.Replicas = number(t, value)
		case "pods":
			states = strings.ReplaceAll(value, ",", "")
		case "rollout":
			o.RollingOut = true
		case "offered":
			o.Offered = Offered{Err: faults[value]}
			if rate, shed, some := strings.Cut(value, "/"); o.Offered.Err == nil {
				o.Offered.Rate = float(t, rate)
				if some {
					o.Offered.Shed = float(t, shed)
				}
			}
		default:
			o.Signals = append(o.Signals, parseSignal(t, name, value, now))
		}
	}
	if states == "" {
		states = strings.Repeat("r", max(0, o.Replicas))
	}
	for i, state := range states {
		make, ok := podStates[state]
		if !ok {
			t.Fatalf("no state of a pod %q", state)
		}
		p := make(now)
		p.Name = podName(i)
		o.Pods = append(o.Pods, p)
	}
	return now, o
}

// podStates are the letters of pods=.
var podStates = map[rune]func(now time.Time) Pod{
	// ready, for long
	'r': func(now time.Time) Pod {
		return Pod{Ready: true, Started: now.Add(-time.Hour), Since: now.Add(-59 * time.Minute)}
	},
	// fresh: ready for less than CPU looks back
	'f': func(now time.Time) Pod {
		return Pod{Ready: true, Started: now.Add(-time.Minute), Since: now.Add(-59 * time.Second)}
	},
	// young, but ready for longer than CPU looks back
	'y': func(now time.Time) Pod {
		return Pod{Ready: true, Started: now.Add(-2 * time.Minute), Since: now.Add(-time.Minute)}
	},
	// just got ready
	'j': func(now time.Time) Pod {
		return Pod{Ready: true, Started: now.Add(-10 * time.Second), Since: now.Add(-5 * time.Second)}
	},
	// starts
	's': func(now time.Time) Pod {
		return Pod{Started: now.Add(-5 * time.Second), Since: now.Add(-5 * time.Second)}
	},
	// never got ready
	'n': func(now time.Time) Pod { return Pod{Started: now.Add(-time.Hour), Since: now.Add(-time.Hour)} },
	// was ready, and is overloaded now
	'o': func(now time.Time) Pod { return Pod{Started: now.Add(-time.Hour), Since: now.Add(-time.Second)} },
	// pending
	'p': func(time.Time) Pod { return Pod{Pending: true} },
	// has been waiting for a node for long
	'u': func(now time.Time) Pod { return Pod{Pending: true, Created: now.Add(-time.Hour)} },
}

func parseSignal(t *testing.T, name, value string, now time.Time) Signal {
	s := Signal{Name: name, CPU: name == "cpu", Target: 0.7, Samples: map[string]Sample{}}
	if s.CPU {
		s.Window = time.Minute
	}
	if err, ok := faults[value]; ok {
		s.Err = err
		return s
	}
	values, target, ok := strings.Cut(value, "/")
	if ok {
		s.Target = float(t, target)
	}
	for i, v := range strings.Split(values, ",") {
		if v != "!" {
			s.Samples[podName(i)] = Sample{Value: float(t, v), At: now}
		}
	}
	return s
}

func podName(i int) string { return "resnet-inference-" + strconv.Itoa(i) }

func number(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func float(t *testing.T, text string) float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
