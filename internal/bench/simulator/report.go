package main

import (
	"fmt"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

// words says what is compared.
const words = `Each run is simulated %d times, each time with other chances (where within its second a request comes, what a start takes, when the
kernel's periods begin); a figure is the middle one of them. The simulator is given what was measured of the run: the requests of each
second, the capacity of a replica and what replicas state, how long starts took, and when Prometheus scraped. No constant was fitted, but
that each replica is scraped by itself was found by looking at such runs of policy target. The capacity is what a replica answered by itself
before the run, times the CPU time of a request then by that of a request in the run: the machine gives more for a second of CPU time in
some minutes than in others.

Violations, replicas and the number of replicas that came or went may differ by 15 %%: with several runs, the means of all of them. Each
replica that came or went is set beside the same step of the simulation, of several the nearest; its time counts from when the part of the load began in which it came, and may differ by
15 %% or by %d s: the autoscaler decides every 5 s, and the simulator counts in whole seconds. A step that most simulations never made has
no time. Where something is missed, the last column tells how many of the simulations are as far from the middle one as what was measured:
where many are, the same system would not do the same twice.
`

func markdown(all []judged) string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# The simulator beside reality\n")
	say("Written by `make bench-simulator` on %s, on %s.\n", all[0].runs[0].Started.Format("2006-01-02 15:04 MST"), all[0].runs[0].Machine)
	say("The load, in multiples of what one replica can do: %s.\n", legsText())
	say(words, papers, nearest)
	for _, j := range all {
		say("## Policy %s\n", j.runs[0].Policy)
		if len(j.runs) > 1 {
			say("The means of %d runs:\n", len(j.runs))
			say("%s", table("", j.rows))
		}
		for _, c := range j.runs {
			c.tell(say, len(j.runs) > 1)
		}
		for _, r := range j.apart() {
			say("Missed: %s: %s measured, %s simulated.\n", r.what, r.value(r.measured), r.value(r.paper))
		}
	}
	return page.String()
}

// tell says how one run was, and sets it beside its simulations.
func (c comparison) tell(say func(format string, args ...any), ofSeveral bool) {
	if ofSeveral {
		say("### Run %d\n", c.Run)
	}
	mean, spread := c.start()
	say("Replicas of %g CPU, at most %d; an SLO of %v; a down window of %v. A replica by itself answered %.1f requests/s at %.1f ms of CPU time each; in the run a request took %.1f ms, so that a replica could answer %.1f; replicas stated %.1f. Starts took %v on average (coefficient of variation %.2f, %d of them).\n",
		c.CPU, c.MaxReplicas, c.Latency, c.DownWindow, c.Alone, 1000*c.AloneCost, 1000*c.Cost, c.capacity(), c.Stated, mean.Round(10*time.Millisecond), spread, len(c.Starts))
	say("%s", table("", c.rows))
	say("%s", table("step", c.changes))
}

func table(what string, rows []row) string {
	cells := [][]string{{what, "measured", "simulated", "apart", "allowed", "", "simulations as far"}}
	for _, r := range rows {
		verdict, chances := "kept", ""
		if r.apart() {
			verdict, chances = "MISSED", r.chances
		}
		cells = append(cells, []string{r.what, r.value(r.measured), r.value(r.paper), fmt.Sprintf("%+.2f", r.difference()), fmt.Sprintf("%.2f", r.allowed), verdict, chances})
	}
	return figures.Grid(cells)
}

func (r row) value(v float64) string { return fmt.Sprintf("%.2f%s", v, r.unit) }

func legsText() string {
	var texts []string
	for i, l := range legs {
		rates := fmt.Sprintf("%g", l.From)
		if l.To != l.From {
			rates += fmt.Sprintf(" to %g", l.To)
		}
		texts = append(texts, fmt.Sprintf("%d: %s for %d s", i+1, rates, l.Seconds))
	}
	return strings.Join(texts, "; ")
}
