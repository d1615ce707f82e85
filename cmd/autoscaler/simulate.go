package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"resnet-autoscaling/internal/command"
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
	Stated         float64       `help:"Requests per second that a replica says that it can answer, where that is more or less than it can: with neighbours on its cores, or a costlier load than it measured itself with. Default: --capacity." placeholder:"RPS"`
	Slots          int           `default:"1" help:"Requests that a replica works on at once."`
	CPU            command.CPU   `name:"cpu" help:"CPU limit of a replica, if it is less than one core, such as 250m: it then works at the speed of a core and stands still in turn, as the kernel has it. Default: it works at an even pace." placeholder:"CPU"`
	CPUPeriod      time.Duration `name:"cpu-period" default:"100ms" help:"With --cpu: the time in which the kernel counts what a replica uses; a kubelet's cpuCFSQuotaPeriod."`
	Noise          float64       `default:"0.05" help:"Coefficient of variation of the time that a request takes."`
	StartNoise     float64       `default:"0.1" help:"The same of the time that a pod takes to start."`
	ScrapeAfter    time.Duration `default:"3s" help:"How long after a decision Prometheus scrapes the load, which it does every 5s. In life it is as it happens: the later, the sooner a rise is seen."`
	CPUScrapeAfter time.Duration `name:"cpu-scrape-after" default:"0s" help:"The same of CPU, every 10s."`
	ScrapeEach     bool          `help:"Each replica is scraped at a time of its own, and policy target sees what Prometheus' rate() makes of that, as in life. Default: all are scraped with the load, and their rates are exact."`
	Arrivals       string        `default:"scattered" enum:"scattered,even" help:"How requests come within a bin: scattered, as from independent clients, or even."`
	MinReplicas    int           `default:"1" help:"Fewest replicas."`
	MaxReplicas    int           `default:"64" help:"Most replicas."`
	SLOLatency     time.Duration `name:"slo-latency" default:"250ms" help:"A request that is answered later is a violation."`
	Price          float64       `help:"Price of a replica for an hour, in any currency: results then tell what they cost." placeholder:"MONEY"`
	MaxCost        float64       `help:"Most that all replicas together may cost an hour, at --price: with --max-replicas, whichever allows fewer." placeholder:"MONEY"`
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
		command.Check(s.Stated >= 0 && s.Stated < 1e6, "--stated", s.Stated, "must be requests per second above 0"),
		command.Check(s.Slots >= 1 && s.Slots <= 1000, "--slots", s.Slots, "must be from 1 to 1000"),
		command.Check(s.CPU == 0 || s.CPU < 1 && s.Slots == 1, "--cpu", s.CPU, "must be less than one core, and goes with --slots 1"),
		command.Check(s.CPUPeriod >= time.Millisecond && s.CPUPeriod <= time.Second, "--cpu-period", s.CPUPeriod, "must be from 1ms to 1s"),
		command.Check(s.Noise >= 0 && s.Noise <= 2, "--noise", s.Noise, "must be from 0 to 2"),
		command.Check(s.StartNoise >= 0 && s.StartNoise <= 2, "--start-noise", s.StartNoise, "must be from 0 to 2"),
		command.Check(s.ScrapeAfter >= 0 && s.ScrapeAfter < 5*time.Second, "--scrape-after", s.ScrapeAfter, "must be from 0s to below 5s"),
		command.Check(s.CPUScrapeAfter >= 0 && s.CPUScrapeAfter < 10*time.Second, "--cpu-scrape-after", s.CPUScrapeAfter, "must be from 0s to below 10s"),
		command.Check(s.MinReplicas >= 0, "--min-replicas", s.MinReplicas, "must not be negative"),
		command.Check(s.MaxReplicas >= max(1, s.MinReplicas) && s.MaxReplicas <= 10000, "--max-replicas", s.MaxReplicas, "must be at least --min-replicas and 1, and at most 10000"),
		command.Check(s.SLOLatency > 0, "--slo-latency", s.SLOLatency, "must be above 0"),
		checkCost(s.ceiling(), s.MinReplicas),
		command.Check(s.Learn >= 0, "--learn", s.Learn, "must not be negative"),
	}
	for _, name := range s.Policy {
		check = append(check, command.Check(slices.Contains(policyNames, name), "--policy", name, "must be "+strings.Join(policyNames, " or ")))
	}
	return errors.Join(check...)
}

func (s *simulation) ceiling() scaling.Ceiling {
	return scaling.Ceiling{Replicas: s.MaxReplicas, Price: s.Price, MaxCost: s.MaxCost}
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
	cost      float64 // of its replicas, at --price
	oracle    simulate.Oracle
	recommend bool
}

// cluster is what the flags say of it.
func (s *simulation) cluster(t simulate.Trace) simulate.Cluster {
	c := simulate.Default()
	c.Capacity, c.Stated, c.Slots, c.ServiceNoise = s.Capacity, s.Stated, s.Slots, s.Noise
	if s.CPU > 0 {
		c.CPU, c.Period = float64(s.CPU), s.CPUPeriod
	}
	c.StartTime, c.StartNoise, c.Latency = s.StartTime, s.StartNoise, s.SLOLatency
	c.MaxReplicas, c.Arrivals, c.Seed = s.ceiling().Max(), simulate.Manner(s.Arrivals), s.Seed
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
		live := simulate.NewLive(p)
		live.Scrapes = simulate.Scrapes{Load: s.ScrapeAfter.Seconds(), CPU: s.CPUScrapeAfter.Seconds(), Each: s.ScrapeEach}
		r, err := simulate.Run(c, t, live)
		return outcome{Result: r, policy: name, flags: flags, capacity: c.Capacity, cost: s.Price * r.ReplicaSeconds / 3600, oracle: oracle}, err
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
		p := slo(least, s.ceiling(), c.Latency)
		p.Interval, p.QueueTimeout = simulate.Interval, c.QueueTimeout
		return p
	}
	t := target(least, s.ceiling())
	t.DownWindow = down
	return t
}
