package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestResultsSayWhatWasMissedAndWhatWasNotMeasured(t *testing.T) {
	kept := &section{benchCase: benchCase{name: "slow", title: "One is slow"}, table: [][]string{{"proxy", "p99"}, {"dispatcher", "27.1 ms"}}}
	kept.judge(true, "p99", "lower", "%s", latency(27.1))
	kept.tell("told", "%d", 3)
	r := &results{date: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), command: "run", rounds: 3, sections: []*section{kept}, unavailable: []string{"envoy: is not here"}}
	if r.missed() {
		t.Error("what is met or only told counts as missed")
	}
	lost := &section{benchCase: benchCase{name: "stall", title: "One stalls"}, others: 0.5}
	lost.judge(false, "success", "≥ 99.95 %", "%s", percent(0.9987))
	r.sections = append(r.sections, lost)
	if !r.missed() {
		t.Error("a requirement that is not met counts as met")
	}
	page := r.markdown()
	for _, want := range []string{
		"Written by `run` on 2026-01-02 03:04 UTC",
		"| slow  | p99     | 27.1 ms  | lower     | met        |",
		"| slow  | told    | 3        |           | told       |",
		"| stall | success | 99.870 % | ≥ 99.95 % | **missed** |",
		"These figures are rough",
		"## One is slow\n\n| proxy      | p99     |",
		"Others had 50.0 % of the machine",
		"- not measured: envoy: is not here",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestFiguresForTables(t *testing.T) {
	for got, want := range map[string]string{
		latency(0.5): "0.50 ms", latency(99.96): "100.0 ms", latency(1500): "1.50 s", latency(math.Inf(1)): "failed",
		percent(0.5): "50.0 %", percent(0.99951): "99.951 %", percent(1): "100.0 %",
		times(1.234): "1.23 ×", times(math.Inf(1)): "∞ ×", times(math.NaN()): "not",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
