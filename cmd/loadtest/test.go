package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

// test is a test with a profile.
type test struct {
	driving
	Profile     []profile         `default:"constant:5/30s" sep:" " help:"The load; repeat the flag, or separate by spaces, for one after another. Forms: constant:20/30s, ramp:5..60/1m, step:10,40,10/20s, sine:20±15/60s/5m (or 20+-15), spike:10→80/10s (or 10->80), trace:FILE.csv*0.5@10x (lines of second,rps; half the rates, ten times as fast)."`
	Warmup      time.Duration     `default:"0s" help:"Send for so long before the profile, at its first rate; the result leaves it out, and says so."`
	SLO         []summary.SLO     `name:"slo" sep:"," help:"An objective, such as p99<250ms, errors<0.1%, wrong<1% or per-replica>=10/s; repeat the flag, or separate by commas, for more. Missing one is exit code 1." placeholder:"SLO"`
	AbortOn     []summary.Limit   `sep:"," help:"Call the test off, with exit code 1, when the last 10 s are so: errors>5%, p99>2s, or errors>5%/30s for another stretch." placeholder:"LIMIT"`
	Strict      bool              `help:"Exit code 1 also when this tester was itself too slow for the schedule, or did not send all of it."`
	Quiet       bool              `help:"No live screen, and no lines while the test runs."`
	Label       map[string]string `help:"A name=value that the result carries; repeat the flag for more." placeholder:"NAME=VALUE"`
	JSON        string            `name:"json" help:"Write the result as JSON; - is the standard output." placeholder:"FILE"`
	CSV         string            `name:"csv" help:"Write a line of CSV for each second." placeholder:"FILE"`
	OpenMetrics string            `name:"openmetrics" help:"Write the seconds as OpenMetrics, with their times." placeholder:"FILE"`
	Results     string            `help:"Write each request as it ends, in vegeta's CSV, for vegeta report and vegeta plot." placeholder:"FILE"`
	Report      string            `help:"Write a page that stands alone: the verdict, and rate, latency, errors, replicas, queue and CPU over time." placeholder:"FILE.html"`
	SVG         string            `name:"svg" help:"Write the report's charts alone, as a picture." placeholder:"FILE.svg"`
}

// Failures of a test that ran well.
var (
	errSLO    = errors.New("an SLO was missed")
	errEarly  = errors.New("the test was ended early")
	errStrict = errors.New("the tester was too slow for its schedule, or did not send all of it (--strict)")
)

// Help is what a test's --help says first.
func (*test) Help() string {
	return about.Description + `

There are also: loadtest find-capacity, loadtest compare BASELINE.json RESULT.json, loadtest merge RESULT.json…; each has its --help.`
}

// Run runs the test, tells its result, and fails when an SLO was missed.
func (f *test) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	if err := f.outputs().check(); err != nil {
		return err
	}
	o, undo, err := f.prepare()
	if err != nil {
		return err
	}
	defer undo()
	o.Screen = unseen{}
	if !f.Quiet {
		screen := term.NewScreen(os.Stderr)
		defer screen.Close()
		o.Screen = screen
	}
	o.Profile, o.Warmup, o.SLOs, o.Limits, o.Tags = f.profile(), f.Warmup, f.SLO, f.AbortOn, f.Label
	o.Log = log
	stream, err := openResults(f.Results)
	if err != nil {
		return err
	}
	o.Began, o.Each = stream.began, stream.each
	result, err := run(ctx, o)
	if err := errors.Join(err, stream.close()); err != nil {
		return err
	}
	if err := f.outputs().write(result, f.settings(o.Pictures), out); err != nil {
		return err
	}
	return f.verdict(result)
}

func (f *test) profile() pace.Profile {
	var whole pace.Profile
	for _, p := range f.Profile {
		whole = whole.Then(p.Profile)
	}
	return whole
}

func (f *test) verdict(r summary.Result) error {
	switch {
	case r.Aborted != "":
		return errors.New("the test was called off: " + r.Aborted)
	case !r.Kept():
		return errSLO
	case r.Early:
		return errEarly
	case f.Strict && (r.Lag.Late() || r.Errors[summary.Unsent] > 0):
		return errStrict
	default:
		return nil
	}
}

// profile is a load on a command line; a trace is read from the file that it names.
type profile struct{ pace.Profile }

// UnmarshalText parses a profile.
func (p *profile) UnmarshalText(text []byte) (err error) {
	p.Profile, err = pace.ParseFrom(string(text), func(name string) (io.ReadCloser, error) { return os.Open(name) })
	return err
}
