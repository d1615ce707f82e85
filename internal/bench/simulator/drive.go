package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/prom"
	rules "resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/summary"
)

// drive has the load run while the replicas are watched, and takes in what everyone tells of it.
func (r rig) drive(ctx context.Context, m *reality) error {
	first, err := settle(ctx)
	if err != nil {
		return err
	}
	watched := watch(ctx)
	results := filepath.Join(r.dir, m.Policy+".csv")
	began, err := r.loadtest(ctx, m, results)
	seen := watched()
	if err != nil {
		return err
	}
	decisions, err := decisionsMade(ctx)
	if err != nil {
		return err
	}
	since := func(t time.Time) float64 { return t.Sub(first).Seconds() }
	m.Begin, m.End = since(began), since(began.Add(length()))
	m.takeDecisions(decisions, since)
	m.takeReady(seen, since)
	if m.Offered, m.Bad, err = readRequests(results, first, latency); err != nil {
		return err
	}
	if m.Cost, err = cost(ctx); err != nil {
		return err
	}
	if m.Scrape, err = phase(ctx, "timestamp(dispatcher_arrivals_total)", first, 5*time.Second); err != nil {
		return err
	}
	m.CPUSeen, err = phase(ctx, "max(timestamp(container_cpu_usage_seconds_total))", first, 10*time.Second)
	return err
}

// settle waits until everyone has looked a few times, and tells when the autoscaler looked first. It ends at a whole second after that: the
// parts of the load last whole seconds, and the simulator counts in them.
func settle(ctx context.Context) (time.Time, error) {
	if err := sleep(ctx, calm); err != nil {
		return time.Time{}, err
	}
	decisions, err := decisionsMade(ctx)
	if err != nil {
		return time.Time{}, err
	}
	first := decisions[0].At
	return first, sleep(ctx, time.Second-time.Since(first)%time.Second)
}

// loadtest runs the load, and tells when it began.
func (r rig) loadtest(ctx context.Context, m *reality, results string) (time.Time, error) {
	told := filepath.Join(r.dir, m.Policy+".load.json")
	args := []string{
		r.bin("loadtest"), "run", "--url=" + at(8080) + api.PathPredict, "--images=" + filepath.Join(r.root, "images", picture), "--poisson",
		"--results=" + results, "--json=" + told, "--log-level=warn", "--kubeconfig=" + filepath.Join(r.dir, "local", "kubeconfig"),
	}
	for _, text := range profile(m.Alone) {
		args = append(args, "--profile="+text)
	}
	tester := exec.CommandContext(ctx, args[0], args[1:]...)
	tester.Cancel = func() error { return tester.Process.Signal(os.Interrupt) }
	tester.WaitDelay = endMost
	if said, err := tester.CombinedOutput(); err != nil {
		return time.Time{}, fmt.Errorf("the load tester: %w: it said %q", err, stage.LastLine(string(said)))
	}
	text, err := os.ReadFile(told)
	if err != nil {
		return time.Time{}, err
	}
	var result summary.Result
	err = json.Unmarshal(text, &result)
	return result.Started, err
}

// decisionsMade are those of the autoscaler, oldest first.
func decisionsMade(ctx context.Context) ([]rules.Decision, error) {
	var told struct{ Decisions []rules.Decision }
	if err := stage.Ask(ctx, http.DefaultClient, at(8081)+"/decisions", &told); err != nil {
		return nil, err
	}
	if len(told.Decisions) == 0 {
		return nil, errors.New("the autoscaler tells no decisions")
	}
	slices.Reverse(told.Decisions)
	return told.Decisions, nil
}

func (m *reality) takeDecisions(decisions []rules.Decision, since func(time.Time) float64) {
	var stated []float64
	for _, d := range decisions {
		if d.Changed() && d.Applied {
			m.Scalings = append(m.Scalings, scaling{At: since(d.At), From: d.From, To: d.To, Reason: d.Reason})
		}
		if capacity := statedIn(d); capacity > 0 && since(d.At) >= m.Begin {
			stated = append(stated, capacity)
		}
	}
	if len(stated) > 0 {
		m.Stated = figures.Median(stated)
	}
}

// targetShare is the share of their capacity at which policy target keeps replicas.
const targetShare = 0.7

// statedIn is the capacity of a replica as a decision saw it stated; 0: it did not see any.
func statedIn(d rules.Decision) float64 {
	switch {
	case d.Inputs == nil:
		return 0
	case d.Inputs.Demand != nil:
		return d.Inputs.Demand.Capacity
	}
	for _, s := range d.Inputs.Signals {
		if s.Name == "requests" {
			return s.Target / targetShare
		}
	}
	return 0
}

// cost is the CPU time that a request of the load took, in seconds: that of the replicas, by what they answered. What a replica needs to
// start is not in it: increase counts from the first scrape.
func cost(ctx context.Context) (float64, error) {
	window := fmt.Sprintf("[%ds]", int(length().Seconds()))
	return value(ctx, "sum(increase(process_cpu_seconds_total{job=\"resnet-pods\"}"+window+")) / sum(increase(inference_requests_total{job=\"resnet-pods\",outcome=\"ok\"}"+window+"))")
}

// phase is how long after a look of the autoscaler's something is scraped that is scraped every so often.
func phase(ctx context.Context, query string, look time.Time, every time.Duration) (float64, error) {
	seconds, err := value(ctx, query)
	if err != nil {
		return 0, err
	}
	scraped := time.UnixMilli(int64(seconds * 1000))
	return math.Mod(scraped.Sub(look).Seconds(), every.Seconds()), nil
}

// value asks Prometheus for a number.
func value(ctx context.Context, query string) (float64, error) {
	base, err := url.Parse(at(9090))
	if err != nil {
		return 0, err
	}
	return prom.New(base, http.DefaultClient, askMost).Value(ctx, query)
}

// askMost is how long Prometheus may take for an answer.
const askMost = 10 * time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
