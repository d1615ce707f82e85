package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/machine"
)

// benchCase is one question and how it is answered.
type benchCase struct {
	name, title string
	measure     func(*bench, context.Context, *section) error
}

// cases are all of them, in the order of the report.
var cases = []benchCase{
	{"latency", "What a proxy adds, over 1 to 512 connections at half load", (*bench).latency},
	{"throughput", "Requests a second with 100 kB pictures, on one core", (*bench).throughput},
	{"slow", "Eight replicas, one of them four times slower, at 80 % load", (*bench).oneSlow},
	{"equal", "Eight equal replicas at 80 % load", (*bench).allEqual},
	{"stall", "One of eight replicas stalls for 2 s a request", (*bench).stall},
	{"overload", "Three times as many requests as can be served", (*bench).overload},
	{"idle", "10,000 idle connections and 1,000 slow ones beside the load", (*bench).idle},
	{"several", "Three dispatchers side by side", (*bench).several},
	{"zero", "100 requests into nothing, then the first replica", (*bench).zero},
}

func caseOf(name string) (benchCase, bool) {
	for _, c := range cases {
		if c.name == name {
			return c, true
		}
	}
	return benchCase{}, false
}

func caseNames() []string {
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.name
	}
	return names
}

// section is what is told of a case.
type section struct {
	benchCase
	table    [][]string
	verdicts []verdict
	notes    []string
	others   float64 // the share of the machine that others had meanwhile
}

// verdict is a requirement and what was measured.
type verdict struct {
	what, measured string
	required       string // "": nothing is, and it is met
	met            bool
}

func (v verdict) word() string {
	switch {
	case v.required == "":
		return "told"
	case v.met:
		return "met"
	}
	return "**missed**"
}

// judge adds a verdict.
func (s *section) judge(met bool, what, required, measured string, args ...any) {
	s.verdicts = append(s.verdicts, verdict{what: what, required: required, measured: fmt.Sprintf(measured, args...), met: met})
}

// tell adds a figure of which nothing is required.
func (s *section) tell(what, measured string, args ...any) {
	s.judge(true, what, "", measured, args...)
}

// note adds a remark.
func (s *section) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// measure answers one case. One that cannot be measured is missed, and the others go on.
func (b *bench) measure(ctx context.Context, c benchCase) *section {
	s, began, others := &section{benchCase: c}, time.Now(), machine.Others()
	b.say("%s: %s", c.name, c.title)
	if err := c.measure(b, ctx, s); err != nil {
		s.judge(false, "all of it", "to be measured", "could not be: see its remarks")
		s.note("It could not be measured: %s.", strings.ReplaceAll(err.Error(), b.dir+"/", ""))
		b.say("  %v", err)
	}
	for _, v := range s.verdicts {
		b.say("  %s: %s (required: %s): %s", v.what, v.measured, cmp.Or(v.required, "nothing"), v.word())
	}
	s.others = (machine.Others() - others).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU())
	b.say("  in %v; others had %s of the machine", time.Since(began).Round(time.Second), percent(s.others))
	return s
}
