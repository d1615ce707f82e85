package summary

import (
	"strconv"
	"strings"
	"time"
)

// Where the time of a request went inside the server, in the order in which it passes.
const (
	Queue = iota
	Decode
	Preprocess
	Inference
	stageCount
)

// StageNames are the stages' names, in Server-Timing and in results.
var StageNames = [stageCount]string{"queue", "decode", "preprocess", "inference"}

// Stages is the time that a server says a request took, by stage. Told is whether it said so.
type Stages struct {
	Told bool
	Took [stageCount]time.Duration
}

// ParseServerTiming reads the header Server-Timing; what it does not know, it passes over.
func ParseServerTiming(header string) Stages {
	var s Stages
	for metric := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(metric, ";")
		stage := stageNamed(strings.TrimSpace(name))
		if stage < 0 {
			continue
		}
		for parameter := range strings.SplitSeq(parameters, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			ms, err := strconv.ParseFloat(strings.Trim(value, `"`), 64)
			if key == "dur" && err == nil && ms >= 0 && ms < float64(longestWait/time.Millisecond) {
				s.Took[stage], s.Told = time.Duration(ms*float64(time.Millisecond)), true
			}
		}
	}
	return s
}

func stageNamed(name string) int {
	for i, known := range StageNames {
		if name == known {
			return i
		}
	}
	return -1
}

func (t *totals) addStages(s Stages) {
	if !s.Told {
		return
	}
	for i, took := range s.Took {
		if t.stages[i] == nil {
			t.stages[i] = newFine()
		}
		record(t.stages[i], took, time.Microsecond)
	}
}

// Stage is one stage of the server's work over a test, in milliseconds.
type Stage struct {
	Name      string    `json:"stage"`
	P50       float64   `json:"p50"`
	P90       float64   `json:"p90"`
	P99       float64   `json:"p99"`
	Max       float64   `json:"max"`
	Histogram Histogram `json:"histogram"`
}

func (t *totals) stageFigures() []Stage {
	var all []Stage
	for i, h := range t.stages {
		if h == nil {
			continue
		}
		q := func(q float64) float64 { return milliseconds(h.ValueAtQuantile(q)) }
		all = append(all, Stage{Name: StageNames[i], P50: q(50), P90: q(90), P99: q(99), Max: milliseconds(h.Max()), Histogram: Histogram{h}})
	}
	return all
}
