// Command loadtest drives the service with pictures, on schedule, and judges it.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

var about = command.About{
	Name: "loadtest",
	Description: `Sends pictures on a schedule and measures what their senders would feel.

Requests leave when they are due, whatever the server does, and latency counts from that instant: a server that stalls cannot
hide it. Profiles follow one another: loadtest --profile constant:20/30s --profile ramp:20..60/1m --slo 'p99<250ms'

Ctrl-C ends the test early and tells what was done until then.

The exit code is 0 when the whole schedule was run and every SLO kept, so that a test can gate a release; 1 when one was missed, when
the test was ended early, or when there was nobody to send to; 2 for a mistake on the command line.`,
}

type flags struct {
	command.Common
	URL         string         `name:"url" help:"Where pictures are sent. Default: http://localhost:8080/predict; if nothing listens there, the cluster's dispatcher through the API server."`
	Images      string         `default:"images" help:"A picture, or a folder of them, sent in turn." type:"path"`
	Profile     []pace.Profile `default:"constant:5/30s" sep:" " help:"The load; repeat the flag, or separate by spaces, for one after another. Forms: constant:20/30s, ramp:5..60/1m, step:10,40,10/20s, sine:20±15/60s/5m (or 20+-15), spike:10→80/10s (or 10->80)."`
	Poisson     bool           `help:"Space requests as independent users would, instead of evenly."`
	Seed        uint64         `default:"1" help:"Of --poisson: the same seed is the same schedule."`
	Timeout     time.Duration  `default:"30s" help:"Longest wait for an answer."`
	MaxInFlight int            `default:"10000" help:"Requests that may be unanswered at once; further ones are not sent, and counted as errors of the kind unsent."`
	SLO         []summary.SLO  `name:"slo" sep:"," help:"An objective, such as p99<250ms, errors<0.1% or wrong<1%; repeat the flag, or separate by commas, for more. Missing one is exit code 1." placeholder:"SLO"`
	Expect      string         `help:"A CSV of file,synset (images/labels.csv): check the answers' best label too." placeholder:"FILE"`
	JSON        string         `name:"json" help:"Write the result as JSON; - is the standard output." placeholder:"FILE"`
	Report      string         `help:"Write a page that stands alone: the verdict, and rate, latency, errors and replicas over time." placeholder:"FILE.html"`
	Kubeconfig  string         `help:"Kubeconfig file of the cluster whose dispatcher and desired replicas are meant. Default: $KUBECONFIG, else ~/.kube/config." placeholder:"FILE"`
	Context     string         `help:"Context of the kubeconfig. Default: its current one."`
	Namespace   string         `short:"n" help:"Namespace of the Deployment and of the dispatcher. Default: the context's."`
	Deployment  string         `default:"resnet-inference" help:"The Deployment whose desired replicas are told."`
}

// Failures of a test that ran well.
var (
	errSLO   = errors.New("an SLO was missed")
	errEarly = errors.New("the test was ended early")
)

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs the test, tells its result, and fails when an SLO was missed.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	if err := f.checkOutputs(); err != nil {
		return err
	}
	pictures, err := f.pictures()
	if err != nil {
		return err
	}
	client := loadtest.NewClient(f.MaxInFlight)
	defer client.CloseIdleConnections()
	where, deployment, err := f.where(client)
	if err != nil {
		return err
	}
	o := loadtest.Options{
		Where: where, Profile: f.profile(), Spacing: f.spacing(), Pictures: pictures,
		Timeout: f.Timeout, MaxInFlight: f.MaxInFlight, SLOs: f.SLO, Screen: term.NewScreen(os.Stderr), Log: log,
	}
	if deployment != nil {
		o.Desired, o.Decisions = deployment.Desired, deployment.Decisions
	}
	service, err := loadtest.New(o)
	if err != nil {
		return err
	}
	result, err := service.Run(ctx)
	if err != nil {
		return err
	}
	if err := f.tell(result, f.settings(pictures), out); err != nil {
		return err
	}
	return verdict(result)
}

func verdict(r summary.Result) error {
	switch {
	case !r.Kept():
		return errSLO
	case r.Early:
		return errEarly
	default:
		return nil
	}
}
