package autoscaler

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/simulate"
)

// scenario is one trace in one cluster.
type scenario struct {
	file   string
	scale  float64
	start  time.Duration
	bursts bool
}

func (s scenario) String() string {
	text := strings.TrimSuffix(s.file, ".csv")
	if s.scale != 1 {
		text += fmt.Sprintf(" ×%g", s.scale)
	}
	if s.bursts {
		text += " with bursts"
	}
	return fmt.Sprintf("%s, pods start in %v", text, s.start)
}

// usual tells whether the trace is as it was measured, in a cluster as it is by default.
func (s scenario) usual() bool {
	return s.scale == usualScale(s.file) && s.start == 10*time.Second && !s.bursts
}

// scenarios are the traces of the folder as they are, and those that are not too long also with other start times, with bursts and ten
// times as high.
func scenarios(t *testing.T, dir string) []scenario {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %q: %v", dir, err)
	}
	var usual, others []scenario
	for _, f := range files {
		s := scenario{file: filepath.Base(f), scale: usualScale(f), start: 10 * time.Second}
		usual = append(usual, s)
		trace := s.read(t)
		if len(trace.Rates) > longest {
			continue
		}
		for _, start := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
			other := s
			other.start = start
			others = append(others, other)
		}
		burst, high := s, s
		burst.bursts, high.scale = true, 10*s.scale
		others = append(others, burst)
		if 10*trace.Requests() < most {
			others = append(others, high)
		}
	}
	if *quick {
		return usual
	}
	return append(usual, others...)
}

// A run for each of the peers' points follows every request.
const (
	longest = 2 * 24 * 3600 // seconds
	most    = 100_000_000   // requests
)

// usualScale brings a trace that is too thin for a cluster to a rate that needs one.
func usualScale(file string) float64 {
	if strings.Contains(file, "azure_llm") {
		return 16
	}
	return 1
}

// read reads a trace; days of it are learned from and not judged where there are more than ten.
func (s scenario) read(t *testing.T) simulate.Trace {
	t.Helper()
	f, err := os.Open(filepath.Join(*tracesDir, s.file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := simulate.ReadTrace(strings.TrimSuffix(s.file, ".csv"), f)
	if err != nil {
		t.Fatal(err)
	}
	trace = trace.Scaled(s.scale)
	if s.bursts {
		trace = trace.WithBursts(3, 90, 3600, 7)
	}
	return trace
}

// learn is how much of a trace comes before what is judged: the first week of two.
func learn(t simulate.Trace) int {
	const week = 7 * 24 * 3600
	if len(t.Rates) >= 2*week {
		return week
	}
	return 0
}
