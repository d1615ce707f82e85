package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/scaling"
)

// explainText prints the last decision as a person reads it.
func explainText(out io.Writer, source string, a autoscaler.Account) error {
	d := a.Decisions[0]
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%v\n\n", d)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("decided", "%s, %s", d.At.Local().Format(time.DateTime), done(d, a.DryRun))
	row("by", "%s", a.Policy)
	row("told by", "%s", source)
	if a.Price > 0 {
		cost := fmt.Sprintf("%.4g an hour for %d replicas at %g", d.Cost, d.To, a.Price)
		if a.MaxCost > 0 {
			cost += fmt.Sprintf(", at most %g", a.MaxCost)
		}
		row("cost", "%s", cost)
	}
	row("guard rail", "%s", rail(d))
	warns := d.Warns()
	for _, kind := range scaling.Warnings {
		if warns[kind] != "" {
			row("mend this", "%s", warns[kind])
		}
	}
	if d.Inputs != nil {
		printInputs(w, *d.Inputs)
	}
	if d.Reckoning != nil {
		printReckoning(w, *d.Reckoning)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printStaffing(out, d)
}

func done(d scaling.Decision, dry bool) string {
	switch {
	case d.Applied:
		return "and applied"
	case dry && d.Changed():
		return "and not applied: a dry run"
	case d.Changed():
		return "but the cluster did not take it"
	default:
		return "no change"
	}
}

// rails say what kept a decision from what was wanted.
var rails = map[scaling.Rail]string{
	scaling.RailLimits:     "the fewest or most replicas (--min-replicas, --max-replicas, --max-cost)",
	scaling.RailUpPolicy:   "the fastest growth (--up-policy)",
	scaling.RailDownPolicy: "the fastest shrinking (--down-policy)",
	scaling.RailUpWindow:   "more must be wanted for longer (--up-window)",
	scaling.RailDownWindow: "fewer must be enough for longer (--down-window)",
}

func rail(d scaling.Decision) string {
	switch {
	case d.Hold != scaling.HoldNone:
		return "it holds: " + string(d.Hold)
	case d.Bound != "":
		return rails[d.Bound]
	default:
		return "none bound"
	}
}

func printInputs(w io.Writer, in scaling.Inputs) {
	pods := fmt.Sprintf("%d ready, %d not", in.Ready, in.Starting)
	if in.RollingOut {
		pods += "; a roll-out is going on"
	}
	fmt.Fprintf(w, "\nIt saw\npods\t%s\n", pods)
	for _, s := range in.Signals {
		text := "not known: " + s.Error
		if s.Error == "" && s.Mean != nil {
			text = fmt.Sprintf("%.3g per pod (%d pods), target %.3g", *s.Mean, s.Pods, s.Target)
		}
		fmt.Fprintf(w, "%s\t%s\n", s.Name, text)
	}
	if in.Offered != nil {
		fmt.Fprintf(w, "offered\t%.4g requests/s\n", *in.Offered)
	}
	if in.Demand != nil {
		printDemand(w, *in.Demand)
	}
}

func printDemand(w io.Writer, d scaling.DemandInput) {
	word := "offered"
	if d.Served {
		word = "served"
	}
	switch {
	case d.Error != "":
		fmt.Fprintf(w, "%s\tnot known: %s\n", word, d.Error)
	case d.Offered != nil:
		notes := []string{fmt.Sprintf("%.0f s ago", d.Age)}
		if d.Partial {
			notes = append(notes, "part of it is not seen")
		}
		fmt.Fprintf(w, "%s\t%.4g requests/s (%s)\n", word, *d.Offered, strings.Join(notes, "; "))
		fmt.Fprintf(w, "known\t%.1f hours step by step, %.1f days minute by minute\n", d.Known/time.Hour.Seconds(), d.Days)
	}
	fmt.Fprintf(w, "waiting\t%.0f requests\n", d.Waiting)
	answering := ""
	if d.Answering > 0 { // else it is not known
		answering = fmt.Sprintf("; all answer %.4g/s now", d.Answering)
	}
	fmt.Fprintf(w, "a replica\t%.4g requests/s as measured by itself, %d at once%s\n", d.Capacity, d.Slots, answering)
	start := "not seen yet"
	if d.StartTime > 0 {
		start = fmt.Sprintf("%.0f s", d.StartTime)
	}
	fmt.Fprintf(w, "a start\t%s\n", start)
}

func printReckoning(w io.Writer, r scaling.Reckoning) {
	fmt.Fprintf(w, "\nIt expects\nahead\t%.0f s: the age of what it saw, a start of %.0f s, and until it decides again\n", r.Lead.Seconds(), r.StartTime.Seconds())
	fmt.Fprintf(w, "load\t%.4g requests/s, %+.2g a second\n", r.Load, r.Growth)
	fmt.Fprintf(w, "forecast\t%.4g requests/s by %s, and %.3g more for its errors of late\n", r.Forecast, r.Way, r.Margin)
	if r.Burst {
		fmt.Fprintln(w, "burst\tthe last step jumped further than chance and habit: as much again may come")
	}
	if r.Recurring > 0 {
		fmt.Fprintf(w, "again\t%.4g requests/s, since it grew at this time before\n", r.Recurring)
	}
	if r.Backlog > 0 {
		fmt.Fprintf(w, "backlog\t%.0f requests to be answered beside those that come\n", r.Backlog)
	}
	if r.Saturated {
		fmt.Fprintln(w, "saturated\treplicas answer all they can, so that more than is seen may be asked for")
	}
	fmt.Fprintf(w, "staff for\t%.4g requests/s, at %.4g per replica, each of which takes %.0f ms\n", r.StaffFor, r.Capacity, 1000*r.Service.Seconds())
}

// printStaffing prints how well some numbers of replicas would do.
func printStaffing(out io.Writer, d scaling.Decision) error {
	if len(d.Staffing) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nreplicas\tbusy\tlate\t\n")
	wanted := slices.IndexFunc(d.Staffing, func(s scaling.Staffing) bool { return s.Replicas == d.Reckoning.Replicas })
	for i, s := range d.Staffing {
		mark := ""
		if i == wanted {
			mark = "  ← enough"
		}
		fmt.Fprintf(w, "%d\t%.0f%%\t%s\t%s\n", s.Replicas, 100*s.Load, share(s.Late), mark)
	}
	return w.Flush()
}

// share is a part of all in percent, as exactly as matters.
func share(of float64) string {
	switch percent := 100 * of; {
	case percent >= 10:
		return fmt.Sprintf("%.0f%%", percent)
	case percent >= 0.001 || percent == 0:
		return fmt.Sprintf("%.2g%%", percent)
	default:
		return "<0.001%"
	}
}
