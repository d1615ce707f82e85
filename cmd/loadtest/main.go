// Command loadtest drives the service with pictures, on schedule, and judges it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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

The exit code is 1 when an SLO was missed, so that a test can gate a release.`,
}

type flags struct {
	command.Common
	URL         string         `name:"url" default:"http://localhost:8080/predict" help:"Where pictures are sent."`
	Images      string         `default:"images" help:"A picture, or a folder of them, sent in turn." type:"path"`
	Profile     []pace.Profile `default:"constant:5/30s" sep:" " help:"The load; repeat the flag, or separate by spaces, for one after another. Forms: constant:20/30s, ramp:5..60/1m, step:10,40,10/20s, sine:20±15/60s/5m (or 20+-15), spike:10→80/10s (or 10->80)."`
	Poisson     bool           `help:"Space requests as independent users would, instead of evenly."`
	Seed        uint64         `default:"1" help:"Of --poisson: the same seed is the same schedule."`
	Timeout     time.Duration  `default:"30s" help:"Longest wait for an answer."`
	MaxInFlight int            `default:"10000" help:"Requests that may be unanswered at once; further ones are not sent, and counted as errors."`
	SLO         []summary.SLO  `name:"slo" sep:"," help:"An objective, such as p99<250ms, errors<0.1% or wrong<1%; repeat the flag, or separate by commas, for more. Missing one is exit code 1." placeholder:"SLO"`
	Expect      string         `help:"A CSV of file,synset (images/labels.csv): check the answers' best label too." placeholder:"FILE"`
	JSON        string         `name:"json" help:"Write the result as JSON; - is the standard output." placeholder:"FILE"`
}

// errSLO is the failure of a test that ran well.
var errSLO = errors.New("an SLO was missed")

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs the test, tells its result, and fails when an SLO was missed.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	target, err := url.Parse(f.URL)
	if err != nil {
		return &command.Misuse{Flag: "--url", Value: f.URL, Rule: err.Error()}
	}
	pictures, err := f.pictures()
	if err != nil {
		return err
	}
	client := loadtest.NewClient(f.MaxInFlight)
	defer client.CloseIdleConnections()
	service, err := loadtest.New(loadtest.Options{
		Client: client, URL: target, Profile: f.profile(), Spacing: f.spacing(), Pictures: pictures,
		Timeout: f.Timeout, MaxInFlight: f.MaxInFlight, SLOs: f.SLO,
		Replicas: replicasFrom(client, target), Screen: term.NewScreen(os.Stderr), Log: log,
	})
	if err != nil {
		return err
	}
	result, err := service.Run(ctx)
	if err != nil {
		return err
	}
	return f.tell(result, out)
}

func (f *flags) profile() pace.Profile {
	var whole pace.Profile
	for _, p := range f.Profile {
		whole = whole.Then(p)
	}
	return whole
}

func (f *flags) spacing() pace.Spacing {
	if f.Poisson {
		return pace.Poisson(f.Seed)
	}
	return pace.Even()
}

func (f *flags) pictures() ([]loadtest.Picture, error) {
	info, err := os.Stat(f.Images)
	if err != nil {
		return nil, &command.Misuse{Flag: "--images", Value: f.Images, Rule: "must be a picture or a folder of pictures"}
	}
	var pictures []loadtest.Picture
	if info.IsDir() {
		pictures, err = loadtest.LoadPictures(os.DirFS(f.Images))
	} else {
		pictures, err = loadtest.LoadPicture(os.DirFS(filepath.Dir(f.Images)), filepath.Base(f.Images))
	}
	if err != nil || f.Expect == "" {
		return pictures, err
	}
	labels, err := os.Open(f.Expect)
	if err != nil {
		return nil, &command.Misuse{Flag: "--expect", Value: f.Expect, Rule: "must be a CSV of file,synset"}
	}
	defer labels.Close()
	return pictures, loadtest.Expect(pictures, labels)
}

// replicasFrom reads the ready replicas from the dispatcher; what is desired only the cluster knows.
func replicasFrom(client *http.Client, target *url.URL) loadtest.ReplicaSource {
	ready := loadtest.ReadyFrom(client, target)
	return func(ctx context.Context) (int, int, error) {
		n, err := ready(ctx)
		return n, -1, err
	}
}

func (f *flags) tell(result summary.Result, out io.Writer) error {
	if f.JSON != "-" {
		if err := term.WriteResult(out, result); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	if err := f.writeJSON(result, out); err != nil {
		return err
	}
	if !result.Kept() {
		return errSLO
	}
	return nil
}

func (f *flags) writeJSON(result summary.Result, out io.Writer) error {
	if f.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	text = append(text, '\n')
	if f.JSON == "-" {
		_, err = out.Write(text)
		return err
	}
	return os.WriteFile(f.JSON, text, 0o644)
}
