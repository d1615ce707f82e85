// Package autoscaler is the loop: observe the replicas and their load, decide by a policy, apply by the Deployment's scale, and tell
// each decision as a line, an Event, a metric and at /decisions.
package autoscaler

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/client_golang/prometheus"
)

// Prometheus answers queries. Errors wrap those of package scaling.
type Prometheus interface {
	// Value is the answer of a query that has one.
	Value(ctx context.Context, query string) (float64, error)
	// FreshByPod is the answer of a query that has one for each pod, without pods where the newest sample of the series that the query is
	// over is older than limit.
	FreshByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error)
	// DatedByPod is FreshByPod with values that are dated by that newest sample.
	DatedByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error)
	// Counts are counters' samples of a window up to now, by pod, dated by Prometheus' clock.
	Counts(ctx context.Context, series string, window time.Duration) ([]scaling.Count, error)
	// Clock is what that clock says now.
	Clock(ctx context.Context) (time.Time, error)
}

// Deployment is what is scaled.
type Deployment interface {
	// Watch makes Fleet cheap while it runs, until ctx ends.
	Watch(ctx context.Context, log *slog.Logger) error
	Fleet(ctx context.Context) (scaling.Fleet, error)
	Scale(ctx context.Context, from, to int) error
	OtherAutoscaler(ctx context.Context) (string, error)
	Event(ctx context.Context, warning bool, reason, message string, at time.Time) error
}

// Elect runs lead while this autoscaler is the one that acts, until ctx ends; holds is told who that is.
type Elect func(ctx context.Context, holds func(holder string), lead func(context.Context) error) error

// Alone is the election of an autoscaler that is the only one.
func Alone(ctx context.Context, _ func(string), lead func(context.Context) error) error {
	return lead(ctx)
}

// Options are the settings of a Service. All are required but Price, MaxCost, TargetRPS, DryRun and Told.
type Options struct {
	Listen string // "": no server, as for a single decision
	Policy scaling.Policy
	// MaxReplicas is the policy's bound, for those who watch how near it is.
	MaxReplicas int
	// Price is that of a replica for an hour, MaxCost the most that all of them may cost; 0: not told, and any.
	Price, MaxCost float64
	Prometheus     Prometheus
	History        History
	Deployment     Deployment
	Elect          Elect

	Name       string // of the Deployment: its pods' names begin with it
	Namespace  string
	Container  string // of the pods, that serves
	Interval   time.Duration
	RateWindow time.Duration // of requests
	CPUWindow  time.Duration // of CPU, which is scraped less often
	StaleAfter time.Duration
	StaleCPU   time.Duration
	TargetCPU  float64 // share of the pods' CPU request
	TargetRPS  float64 // requests per second and pod; 0: TargetShare of what the pods measured themselves
	// TargetShare is the share of their measured capacity that replicas are kept at.
	TargetShare float64

	DryRun   bool
	Told     func(scaling.Decision) // each decision, as it is made; nil: nobody
	Registry *prometheus.Registry
	Log      *slog.Logger
}

// containerName is an RFC 1123 label, which Kubernetes wants of it, and which means itself where a query matches it as a pattern.
var containerName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (o Options) validate() error {
	return errors.Join(
		command.Check(containerName.MatchString(o.Container), "--container", o.Container, "must be the name of a container: at most 63 of a-z, 0-9 and -"),
		command.Check(o.Interval >= time.Second, "--interval", o.Interval, "must be at least 1s"),
		command.Check(o.RateWindow >= 2*time.Second, "--rate-window", o.RateWindow, "must be at least 2s, and span several scrapes"),
		command.Check(o.StaleAfter > 0, "--stale-after", o.StaleAfter, "must be above 0"),
		command.Check(o.TargetCPU > 0, "--target-cpu", o.TargetCPU, "must be above 0, such as 0.7 for 70 % of the CPU request"),
		command.Check(o.TargetRPS >= 0, "--target-rps", o.TargetRPS, "must not be negative; 0 takes 70 % of the measured capacity"),
	)
}
