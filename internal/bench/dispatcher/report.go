package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

// results are all that was measured in a run.
type results struct {
	date        time.Time
	machine     string
	command     string
	rounds      int
	versions    map[family]string
	unavailable []string
	sections    []*section
}

func (r *results) missed() bool {
	return slices.ContainsFunc(r.verdicts(), func(v verdict) bool { return !v.met })
}

func (r *results) verdicts() (all []verdict) {
	for _, s := range r.sections {
		all = append(all, s.verdicts...)
	}
	return all
}

// loud is the share of the machine from which on others' work makes the figures rough.
const loud = 0.05

// others is the share of the machine that others had, in the worst case.
func (r *results) others() (most float64) {
	for _, s := range r.sections {
		most = max(most, s.others)
	}
	return most
}

// markdown is the page that is kept.
func (r *results) markdown() string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# The dispatcher beside other proxies\n")
	say("Written by `%s` on %s. Ratios hold from machine to machine better than figures do.\n", r.command, r.date.UTC().Format("2006-01-02 15:04 MST"))
	verdicts := [][]string{{"case", "what", "measured", "required", ""}}
	for _, s := range r.sections {
		for _, v := range s.verdicts {
			verdicts = append(verdicts, []string{s.name, v.what, v.measured, v.required, v.word()})
		}
	}
	say("%s", figures.Grid(verdicts))
	if r.others() > loud {
		say("These figures are rough: something else was at work on this machine (see the remarks).\n")
	}
	for _, s := range r.sections {
		say("## %s\n", s.title)
		if len(s.table) > 0 {
			say("%s", figures.Grid(s.table))
		}
		say("- %s\n", strings.Join(append(s.notes, fmt.Sprintf("Others had %s of the machine meanwhile.", percent(s.others))), "\n- "))
	}
	say("## How it is measured\n\n%s", r.method())
	return strings.TrimRight(page.String(), "\n") + "\n"
}

func (r *results) method() string {
	var lines []string
	for _, f := range slices.Sorted(maps.Keys(r.versions)) {
		lines = append(lines, fmt.Sprintf("- %s: %s", f, r.versions[f]))
	}
	for _, reason := range r.unavailable {
		lines = append(lines, "- not measured: "+reason)
	}
	return fmt.Sprintf(`- Machine: %s.
- Every proxy and every replica is a process of its own on 127.0.0.1, started for its case. Replicas are internal/testkit/replica: they
  sleep for the service time that was measured of a model server with one core (INT8: %v; FP32, where a case says so: %v; cv 0.05) and
  queue 4 requests for each slot behind those in service, as that does; but in the throughput case, whose replica answers at once.
- Rounds: %d, in each of which every contender of a case is started and measured, in turn; each round begins with another one. Arrivals
  of a round are the same for all (Poisson, the same seed). Ratios are medians of the ratios of each round.
- Requests leave when they are due, whatever became of those before, and latency counts from then: but in the throughput case. A request
  that failed counts as one that took for ever.
- Pictures have %d bytes. Configurations of the others are internal/bench/dispatcher/peers: connections to replicas are kept, and requests
  that a replica refuses (503) are sent to another one, as ours does.
%s
`, r.machine, serviceTime, fullServiceTime, r.rounds, pictureSize, strings.Join(lines, "\n"))
}

// latency is milliseconds for a table.
func latency(ms float64) string {
	switch {
	case ms > 1e12:
		return "failed"
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f s", ms/1000)
}

// latencies are quantiles for a table.
func latencies(all outcomes, shares ...float64) (cells []string) {
	for _, share := range shares {
		cells = append(cells, latency(all.quantile(share)))
	}
	return cells
}

// times is a ratio for a table.
func times(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "not"
	case math.IsInf(ratio, 1):
		return "∞ ×"
	}
	return fmt.Sprintf("%.2f ×", ratio)
}

// percent is a share for a table.
func percent(share float64) string {
	if share > 0.99 && share < 1 {
		return fmt.Sprintf("%.3f %%", 100*share)
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}
