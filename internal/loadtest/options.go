// Package loadtest drives a server with pictures on its own schedule: requests leave when they are due, whatever the server does, and
// latency counts from that instant, so that a server which stalls cannot hide it.
package loadtest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
)

// Picture is one picture to send, and the synset that the best label should have ("": not checked).
type Picture struct {
	Name        string
	ContentType string
	Data        []byte
	Synset      string
}

// Screen shows how the test goes: about once a second, and once at the end; and lines that stay, between.
type Screen interface {
	Update(summary.Frame)
	Note(line string)
}

// Decisions tells what the autoscaler does after a time, until ctx ends.
type Decisions func(ctx context.Context, since time.Time, tell func(at time.Time, decision string)) error

// Options are the settings of a Service. Where, Profile, Spacing, Pictures, Screen and Log are required.
type Options struct {
	Where       Where
	Profile     pace.Profile
	Spacing     pace.Spacing
	Warmup      time.Duration // before the profile, at its first rate; what is sent then counts nowhere
	Pictures    []Picture
	Form        Form
	Header      http.Header // on every request besides the form's own
	Timeout     time.Duration
	MaxInFlight int
	SLOs        []summary.SLO
	Limits      []summary.Limit // the test ends early when one is broken
	Tags        map[string]string
	Desired     func(context.Context) (int, error)     // replicas that the cluster is asked for; nil: there is no cluster to ask
	CPU         func(context.Context) (float64, error) // cores that all replicas use; nil: nobody is asked
	Decisions   Decisions                              // of the autoscaler; nil: there is no cluster to ask
	Began       func(at time.Time, to *url.URL)        // is told when the profile begins, and where its requests go; nil: nobody is
	Each        func(summary.Outcome)                  // is told every outcome, one at a time; nil: nobody is
	Sleep       func(time.Duration) error              // waits, more exactly than the runtime's timers; nil: they are used
	Screen      Screen
	Log         *slog.Logger
}

func (o Options) validate() error {
	return errors.Join(
		command.Check(o.Where.Said == nil || isWeb(o.Where.Said), "--url", o.Where.Said, "must be an http or https URL"),
		command.Check(o.Profile.Duration() > 0, "--profile", o.Profile, "must last some time"),
		command.Check(o.Warmup >= 0, "--warmup", o.Warmup, "must not be below 0"),
		command.Check(o.Form.Path == "" || !expects(o.Pictures), "--expect", "given", "needs --protocol predict: an answer of the other protocol has no synset"),
		command.Check(len(o.Pictures) > 0, "--images", "empty", "must hold at least one picture"),
		command.Check(o.Timeout > 0, "--timeout", o.Timeout, "must be above 0"),
		command.Check(o.MaxInFlight >= 1, "--max-in-flight", o.MaxInFlight, "must be at least 1"),
	)
}

func isWeb(u *url.URL) bool { return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" }

func expects(pictures []Picture) bool {
	return slices.ContainsFunc(pictures, func(p Picture) bool { return p.Synset != "" })
}
