package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"resnet-autoscaling/internal/capacity"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

// findCapacity searches for the highest rate that keeps the objectives.
type findCapacity struct {
	driving
	SLO       []summary.SLO `name:"slo" default:"p99<250ms,errors<0.1%" sep:"," help:"What a rate has to keep, such as p99<250ms or errors<0.1%." placeholder:"SLO"`
	From      float64       `default:"5" help:"The first rate to try, in requests per second; it is doubled, or halved, until the answer lies between two rates."`
	To        float64       `default:"10000" help:"The highest rate to try."`
	Precision float64       `default:"0.03" help:"How near the answer has to be to the truth, as a share of it."`
	Settle    time.Duration `default:"3s" help:"Of each rate: how long it runs before it is judged."`
	Window    time.Duration `default:"15s" help:"Of each rate: how long it is judged. It must keep the objectives, and the queue must not grow."`
	JSON      bool          `name:"json" help:"Tell the steps and the answer as JSON."`
}

// Validate keeps the search to what can end.
func (f *findCapacity) Validate() error {
	return errors.Join(
		f.driving.Validate(),
		command.Check(f.From > 0 && f.From <= f.To, "--from", f.From, "must be above 0, and no more than --to"),
		command.Check(f.To <= 1e6, "--to", f.To, "must be no more than a million"),
		command.Check(f.Precision >= 0.001 && f.Precision <= 1, "--precision", f.Precision, "must be from 0.001 to 1"),
		command.Check(f.Window >= time.Second, "--window", f.Window, "must be at least 1s"),
		command.Check(f.Settle >= 0, "--settle", f.Settle, "must not be below 0"),
		command.Check(len(f.SLO) > 0, "--slo", "empty", "must say what a rate has to keep"),
	)
}

var (
	errNoCapacity = errors.New("no rate kept the objectives")
	errTooSlow    = errors.New("the tester itself is too slow for this rate: what it finds would be its own capacity")
)

// Run searches, and tells each step and the answer.
func (f *findCapacity) Run(ctx context.Context, out io.Writer) error {
	d, err := f.prepare(f.MaxInFlight)
	if err != nil {
		return err
	}
	defer d.close()
	search := capacity.New(f.From, f.To, f.Precision)
	told := term.Capacity{SLO: texts(f.SLO), Steps: []term.Step{}}
	for {
		rate, ok := search.Next()
		if !ok {
			break
		}
		step, err := f.try(ctx, d.options, rate)
		if err != nil {
			return err
		}
		search.Tell(rate, step.Kept)
		told.Steps = append(told.Steps, step)
		if !f.JSON {
			if err := term.WriteStep(out, step); err != nil {
				return err
			}
		}
	}
	told.Rate, told.Bounded = search.Answer()
	if f.JSON {
		err = writeJSON(out, told)
	} else {
		err = term.WriteCapacity(out, told)
	}
	if err == nil && told.Rate == 0 {
		err = errNoCapacity
	}
	return err
}

// tries are how often a rate is tried that was missed while the tester itself was late: that proves nothing of the service.
const tries = 3

// try runs one rate, and judges it.
func (f *findCapacity) try(ctx context.Context, o loadtest.Options, rate float64) (term.Step, error) {
	o.Profile, o.Warmup, o.SLOs = pace.Constant(rate, f.Window), f.Settle, f.SLO
	o.Screen, o.Log = unseen{}, slog.New(slog.DiscardHandler)
	for range tries {
		r, err := run(ctx, o)
		switch {
		case err != nil:
			return term.Step{}, err
		case r.Early:
			return term.Step{}, errEarly
		case !r.Lag.Late() || r.Kept() || !onlySlow(r):
			return stepOf(rate, r), nil
		}
	}
	return term.Step{}, fmt.Errorf("at %.4g/s: %w", rate, errTooSlow)
}

// onlySlow tells whether nothing but latencies was missed.
func onlySlow(r summary.Result) bool {
	return !slices.ContainsFunc(r.SLO, func(v summary.Verdict) bool {
		slo, err := summary.ParseSLO(v.SLO)
		_, _, latency := slo.Latency()
		return !v.Kept && (err != nil || !latency)
	})
}

func stepOf(rate float64, r summary.Result) term.Step {
	step := term.Step{
		Rate: rate, Kept: r.Kept(), Steady: capacity.Steady(r), Achieved: r.Rate.Achieved,
		P50: r.Latency.P50, P99: r.Latency.P99, Lost: r.Lost(), Requests: r.Requests, Notes: r.Notes,
	}
	step.Kept = step.Kept && step.Steady
	for _, v := range r.SLO {
		if !v.Kept {
			step.Missed = append(step.Missed, v.SLO+": "+v.Measured)
		}
	}
	if n := len(r.Replicas); n > 0 {
		step.Ready, step.Capacity = r.Replicas[n-1].Ready, r.Replicas[n-1].Capacity
	}
	return step
}

// unseen draws nothing.
type unseen struct{}

func (unseen) Update(summary.Frame) {}
func (unseen) Note(string)          {}
