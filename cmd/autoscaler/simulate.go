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
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/prom"
	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

var aboutSimulate = command.About{
	Name: "autoscaler simulate",
	Description: `Replays a load against a cluster on paper, and tells how each policy would have done: the share of requests that were late, shed
or given up, what it cost in replica-seconds, how often it scaled, and what a clairvoyant would have needed.

  autoscaler simulate --trace day.csv --policy slo,target
  autoscaler simulate --from-prometheus 24h --prometheus-url http://localhost:9090 --recommend

A trace is a CSV file of second,rps: the start of a bin and the mean rate in it. The policies are those of the autoscaler itself: only
the cluster is simulated, request by request.`,
}

type simulation struct {
	command.Common
	Trace          []string      `help:"Loads to replay: FILE or FILE*SCALE, such as day.csv*10." placeholder:"FILE[*SCALE]"`
	FromPrometheus time.Duration `help:"Replay the requests of so long, as Prometheus has them." placeholder:"24h"`
	PrometheusURL  string        `name:"prometheus-url" default:"http://localhost:9090" help:"Where that Prometheus is." placeholder:"URL"`
	Policy         []string      `default:"slo,target" help:"Policies to compare: slo, target."`
	StartTime      time.Duration `default:"10s" help:"Mean time that a pod takes until it is ready."`
	Capacity       float64       `help:"Requests per second that one replica can answer. Default: that of which the busiest minute needs 16." placeholder:"RPS"`
	Slots          int           `default:"1" help:"Requests that a replica works on at once."`
	Noise          float64       `default:"0.05" help:"Coefficient of variation of the time that a request takes."`
	StartNoise     float64       `default:"0.1" help:"The same of the time that a pod takes to start."`
	Arrivals       string        `default:"scattered" enum:"scattered,even" help:"How requests come within a bin: scattered, as from independent clients, or even."`
	MinReplicas    int           `default:"1" help:"Fewest replicas."`
	MaxReplicas    int           `default:"64" help:"Most replicas."`
	SLOLatency     time.Duration `name:"slo-latency" default:"250ms" help:"A request that is answered later is a violation."`
	Learn          time.Duration `help:"So much of the load's beginning is seen but not judged." placeholder:"168h"`
	Seed           uint64        `default:"1" help:"Of all that is random: the same seed, the same answer."`
	Recommend      bool          `help:"Search settings for the cheapest that keep 99 of 100 requests within --slo-latency, and print the flags."`
	JSON           bool          `name:"json" help:"Print the results as JSON."`
	HTML           string        `name:"html" help:"Write a page with plots of load, capacity, replicas and violations." placeholder:"FILE"`
}

// Validate checks what only flags together can get wrong.
func (s *simulation) Validate() error {
	check := []error{
		command.Check(len(s.Trace) > 0 != (s.FromPrometheus > 0), "--trace", strings.Join(s.Trace, ","), "give a trace, or --from-prometheus with a time such as 24h"),
		command.Check(s.StartTime >= 0 && s.StartTime <= time.Hour, "--start-time", s.StartTime, "must be from 0s to 1h"),
		command.Check(s.Capacity >= 0 && s.Capacity < 1e6, "--capacity", s.Capacity, "must be requests per second above 0"),
		command.Check(s.Slots >= 1 && s.Slots <= 1000, "--slots", s.Slots, "must be from 1 to 1000"),
		command.Check(s.Noise >= 0 && s.Noise <= 2, "--noise", s.Noise, "must be from 0 to 2"),
		command.Check(s.StartNoise >= 0 && s.StartNoise <= 2, "--start-noise", s.StartNoise, "must be from 0 to 2"),
		command.Check(s.MinReplicas >= 0, "--min-replicas", s.MinReplicas, "must not be negative"),
		command.Check(s.MaxReplicas >= max(1, s.MinReplicas) && s.MaxReplicas <= 10000, "--max-replicas", s.MaxReplicas, "must be at least --min-replicas and 1, and at most 10000"),
		command.Check(s.SLOLatency > 0, "--slo-latency", s.SLOLatency, "must be above 0"),
		command.Check(s.Learn >= 0, "--learn", s.Learn, "must not be negative"),
	}
	for _, name := range s.Policy {
		check = append(check, command.Check(slices.Contains(policyNames, name), "--policy", name, "must be "+strings.Join(policyNames, " or ")))
	}
	return errors.Join(check...)
}

var policyNames = []string{"slo", "target"}

// Run simulates each policy on each trace.
func (s *simulation) Run(ctx context.Context, _ *slog.Logger, out io.Writer) error {
	traces, err := s.traces(ctx)
	if err != nil {
		return err
	}
	var outcomes []outcome
	for _, t := range traces {
		done, err := s.replay(ctx, t)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, done...)
	}
	if s.HTML != "" {
		if err := s.plot(outcomes); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	if s.JSON {
		return printJSON(out, outcomes)
	}
	return s.print(out, outcomes)
}

// outcome is one policy on one trace.
type outcome struct {
	simulate.Result
	policy    string
	flags     string // "": those that were given
	capacity  float64
	oracle    simulate.Oracle
	recommend bool
}

// traces are read from files, or from Prometheus.
func (s *simulation) traces(ctx context.Context) ([]simulate.Trace, error) {
	if s.FromPrometheus > 0 {
		t, err := s.fromPrometheus(ctx)
		return []simulate.Trace{t}, err
	}
	var all []simulate.Trace
	for _, text := range s.Trace {
		t, err := readTrace(text)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// readTrace reads FILE or FILE*SCALE.
func readTrace(text string) (simulate.Trace, error) {
	name, factor := text, 1.0
	if before, after, ok := cutLast(text, "*"); ok {
		var err error
		if factor, err = strconv.ParseFloat(after, 64); err != nil || !(factor > 0) || factor > 1e6 {
			return simulate.Trace{}, &command.Misuse{Flag: "--trace", Value: text, Rule: "the scale after * must be a number above 0"}
		}
		name = before
	}
	f, err := os.Open(name)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--trace: %w", err)
	}
	defer f.Close()
	t, err := simulate.ReadTrace(strings.TrimSuffix(filepath.Base(name), ".csv"), f)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--trace: %w", err)
	}
	return t.Scaled(factor), nil
}

func cutLast(text, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// arrivalsQuery is the load as dispatchers count it, or where there is none, as replicas answered it.
const arrivalsQuery = `sum(rate(dispatcher_arrivals_total[1m])) or sum(rate(inference_requests_total[1m]))`

func (s *simulation) fromPrometheus(ctx context.Context) (simulate.Trace, error) {
	base, err := url.Parse(s.PrometheusURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return simulate.Trace{}, &command.Misuse{Flag: "--prometheus-url", Value: s.PrometheusURL, Rule: "must be an http or https URL such as http://localhost:9090"}
	}
	const step = 15 * time.Second
	rates, err := prom.New(base, &http.Client{}, 30*time.Second).Range(ctx, arrivalsQuery, s.FromPrometheus, step)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--from-prometheus: %w", err)
	}
	return simulate.FromRates("Prometheus "+s.FromPrometheus.String(), rates, int(step/time.Second)), nil
}

// cluster is what the flags say of it.
func (s *simulation) cluster(t simulate.Trace) simulate.Cluster {
	c := simulate.Default()
	c.Capacity, c.Slots, c.ServiceNoise = s.Capacity, s.Slots, s.Noise
	c.StartTime, c.StartNoise, c.Latency = s.StartTime, s.StartNoise, s.SLOLatency
	c.MaxReplicas, c.Arrivals, c.Seed = s.MaxReplicas, simulate.Manner(s.Arrivals), s.Seed
	c.Judged, c.Series = int(s.Learn/time.Second), s.HTML != ""
	c = c.For(t)
	c.Replicas = max(c.Replicas, s.MinReplicas)
	return c
}

func (s *simulation) replay(ctx context.Context, t simulate.Trace) ([]outcome, error) {
	c := s.cluster(t)
	oracle, err := simulate.Foresee(c, t)
	if err != nil {
		return nil, err
	}
	var all []outcome
	run := func(name, flags string, p scaling.Policy) (outcome, error) {
		if err := ctx.Err(); err != nil {
			return outcome{}, err
		}
		r, err := simulate.Run(c, t, simulate.NewLive(p))
		return outcome{Result: r, policy: name, flags: flags, capacity: c.Capacity, oracle: oracle}, err
	}
	for _, name := range s.Policy {
		o, err := run(name, "", s.policy(name, c, s.MinReplicas, 5*time.Minute))
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	if !s.Recommend {
		return all, nil
	}
	best, err := s.search(c, run)
	return append(all, best...), err
}

// policy is one of them by its name, as the autoscaler itself would be set up.
func (s *simulation) policy(name string, c simulate.Cluster, least int, down time.Duration) scaling.Policy {
	if name == "slo" {
		return scaling.SLO{Min: least, Max: s.MaxReplicas, Latency: c.Latency, Interval: simulate.Interval, QueueTimeout: c.QueueTimeout, Tuning: scaling.DefaultTuning()}
	}
	return scaling.Target{
		Min: least, Max: s.MaxReplicas, Tolerance: 0.1, DownWindow: down,
		UpSteps:   []scaling.Step{{Percent: 100, Period: 15 * time.Second}, {Pods: 4, Period: 15 * time.Second}},
		DownSteps: []scaling.Step{{Percent: 100, Period: 15 * time.Second}},
	}
}

// allowed is the share of requests that a p99 lets be late.
const allowed = 0.01

// search tries settings of each policy, and keeps the cheapest that keeps the SLO; where none does, the one with fewest violations.
func (s *simulation) search(c simulate.Cluster, run func(name, flags string, p scaling.Policy) (outcome, error)) ([]outcome, error) {
	var best *outcome
	for _, name := range s.Policy {
		for least := max(1, s.MinReplicas); least <= min(s.MaxReplicas, 16); least *= 2 {
			for _, down := range downWindows[name] {
				flags := fmt.Sprintf("--policy %s --min-replicas %d --max-replicas %d", name, least, s.MaxReplicas)
				if name == "slo" {
					flags += fmt.Sprintf(" --slo-latency %v", s.SLOLatency)
				} else {
					flags += fmt.Sprintf(" --down-window %v", down)
				}
				o, err := run(name, flags, s.policy(name, c, least, down))
				if err != nil {
					return nil, err
				}
				if best == nil || better(o, *best) {
					best = &o
				}
			}
		}
	}
	best.recommend = true
	return []outcome{*best}, nil
}

// downWindows are the settings that are searched beside the fewest replicas.
var downWindows = map[string][]time.Duration{"slo": {0}, "target": {time.Minute, 2 * time.Minute, 5 * time.Minute}}

func better(a, b outcome) bool {
	keeps, kept := a.Violations() <= allowed, b.Violations() <= allowed
	if keeps != kept {
		return keeps
	}
	if !keeps {
		return a.Violations() < b.Violations()
	}
	return a.ReplicaSeconds < b.ReplicaSeconds
}

// line is an outcome as --json shows it.
type line struct {
	Trace                string  `json:"trace"`
	Policy               string  `json:"policy"`
	Violations           float64 `json:"violations"`
	ReplicaSeconds       float64 `json:"replica_seconds"`
	Scalings             int     `json:"scalings"`
	Reversals            int     `json:"reversals"`
	OracleReplicaSeconds float64 `json:"oracle_replica_seconds"`
}

func printJSON(out io.Writer, outcomes []outcome) error {
	lines := []line{}
	for _, o := range outcomes {
		lines = append(lines, line{
			Trace: o.Trace, Policy: o.policy, Violations: o.Violations(), ReplicaSeconds: o.ReplicaSeconds,
			Scalings: o.Scalings, Reversals: o.Reversals, OracleReplicaSeconds: o.oracle.Instant,
		})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(lines)
}

// print prints a table for each trace.
func (s *simulation) print(out io.Writer, outcomes []outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	trace := ""
	for _, o := range outcomes {
		if o.Trace != trace {
			trace = o.Trace
			hours := float64(o.Seconds) / 3600
			fmt.Fprintf(w, "%s: %.3g h, %d requests; a replica answers %.3g rps, pods start in %v\n", trace, hours, o.Offered, o.capacity, s.StartTime)
			fmt.Fprintln(w, "policy\tviolations\treplica-seconds\t× instant\t× holding\tscalings\treversals\t")
			fmt.Fprintf(w, "clairvoyant, instant\t0\t%.0f\t1\t%.3f\t\t\t\n", o.oracle.Instant, o.oracle.Instant/o.oracle.Holding)
			fmt.Fprintf(w, "clairvoyant, holding 60 s\t0\t%.0f\t%.3f\t1\t\t\t\n", o.oracle.Holding, o.oracle.Holding/o.oracle.Instant)
		}
		if o.recommend {
			continue
		}
		fmt.Fprintf(w, "%s\t%.3f %%\t%.0f\t%.3f\t%.3f\t%d\t%d\t\n", o.policy, 100*o.Violations(), o.ReplicaSeconds,
			o.ReplicaSeconds/o.oracle.Instant, o.ReplicaSeconds/o.oracle.Holding, o.Scalings, o.Reversals)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range outcomes {
		if !o.recommend {
			continue
		}
		verdict := "keeps the SLO"
		if o.Violations() > allowed {
			verdict = "comes nearest to the SLO; no setting keeps it"
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n  %s: %.3f %% late, %.0f replica-seconds\n", o.Trace, o.flags, verdict, 100*o.Violations(), o.ReplicaSeconds); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) plot(outcomes []outcome) error {
	page := report.Replay{Command: strings.Join(os.Args, " ")}
	for _, o := range outcomes {
		page.Runs = append(page.Runs, report.ReplayRun{
			Trace: o.Trace, Policy: o.policy, Flags: o.flags, Capacity: o.capacity, Violations: o.Violations(),
			ReplicaSeconds: o.ReplicaSeconds, Oracle: o.oracle.Instant, Scalings: o.Scalings, Reversals: o.Reversals,
			Offered: o.Series.Offered, Bad: o.Series.Bad, Desired: o.Series.Desired, Ready: o.Series.Ready,
		})
	}
	f, err := os.Create(s.HTML)
	if err != nil {
		return err
	}
	return errors.Join(report.WriteReplay(f, page), f.Close())
}
