package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// Run searches, and tells each step and the answer; of a search that was ended early, what is known by then.
func (f *findCapacity) Run(ctx context.Context, out io.Writer) error {
	o, undo, err := f.prepare()
	if err != nil {
		return err
	}
	defer undo()
	found, ended := f.search(ctx, o, out)
	if ended != nil && !errors.Is(ended, errEarly) {
		return ended
	}
	if f.JSON {
		err = command.WriteJSON(out, found)
	} else {
		err = term.WriteCapacity(out, found)
	}
	if err == nil && ended == nil && found.Rate == 0 {
		err = errNoCapacity
	}
	return errors.Join(err, ended)
}

func (f *findCapacity) search(ctx context.Context, o loadtest.Options, out io.Writer) (capacity.Found, error) {
	found := capacity.Found{SLO: texts(f.SLO), Steps: []capacity.Step{}}
	for search := capacity.New(f.From, f.To, f.Precision); ; {
		rate, ok := search.Next()
		if !ok {
			return found, nil
		}
		step, err := f.try(ctx, o, rate)
		if err != nil {
			return found, err
		}
		search.Tell(rate, step.Kept)
		found.Steps = append(found.Steps, step)
		found.Rate, found.Bounded = search.Answer()
		if f.JSON {
			continue
		}
		if err := term.WriteStep(out, step); err != nil {
			return found, err
		}
	}
}

// tries are how often a rate is tried that was missed while the tester itself was late: that proves nothing of the service.
const tries = 3

// try runs one rate, and judges it.
func (f *findCapacity) try(ctx context.Context, o loadtest.Options, rate float64) (capacity.Step, error) {
	o.Profile, o.Warmup, o.SLOs = pace.Constant(rate, f.Window), f.Settle, f.SLO
	o.Screen, o.Log = unseen{}, slog.New(slog.DiscardHandler)
	for range tries {
		r, err := run(ctx, o)
		switch {
		case err != nil:
			return capacity.Step{}, err
		case r.Early:
			return capacity.Step{}, errEarly
		case capacity.Proves(r):
			return capacity.Judge(rate, r), nil
		}
	}
	return capacity.Step{}, fmt.Errorf("at %.4g/s: %w", rate, errTooSlow)
}

// unseen draws nothing.
type unseen struct{}

func (unseen) Update(summary.Frame) {}
func (unseen) Note(string)          {}
