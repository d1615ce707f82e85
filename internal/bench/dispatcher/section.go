package main

import (
	"context"
	"fmt"
	"runtime"
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
	{"throughput", "Requests a second with 100 kB pictures, on one core", (*bench).throughput},
	{"slow", "Eight replicas, one of them four times slower, at 80 % load", (*bench).oneSlow},
	{"equal", "Eight equal replicas at 80 % load", (*bench).allEqual},
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
	what, measured, required string
	met                      bool
}

func (v verdict) word() string {
	if v.met {
		return "met"
	}
	return "**missed**"
}

// judge adds a verdict.
func (s *section) judge(met bool, what, required, measured string, args ...any) {
	s.verdicts = append(s.verdicts, verdict{what: what, required: required, measured: fmt.Sprintf(measured, args...), met: met})
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
		s.judge(false, c.title, "to be measured", "%v", err)
	}
	for _, v := range s.verdicts {
		b.say("  %s: %s (%s): %s", v.what, v.measured, v.required, v.word())
	}
	s.others = (machine.Others() - others).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU())
	b.say("  in %v; others had %s of the machine", time.Since(began).Round(time.Second), percent(s.others))
	return s
}
