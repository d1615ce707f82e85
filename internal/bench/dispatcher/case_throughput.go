package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
)

// throughputConnections are how many requests are asked for at once.
const throughputConnections = 32

// stubs is how many addresses the replica that answers at once has.
const stubs = 8

// carried is what a proxy did in one round.
type carried struct {
	rate     float64 // requests/s
	cpu      float64 // milliseconds of the proxy's, a request
	p50, p99 float64 // milliseconds
	proxy    float64 // the share of its core that it had
	load     float64 // the share of the other core that the load and the replica had
	others   float64 // the share of the proxy's core that went to others
}

// throughput keeps the proxy on one core, and everything else on the other one.
func (b *bench) throughput(ctx context.Context, s *section) (err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("wrk makes the load (apt-get install wrk): %w", err)
	}
	stub, hosts, err := b.stubs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stub.Stop()) }()
	all := b.available(dispatcher, nginxUnbuffered, nginxPassing, nginxDefault, nginxMemory, haproxyLeast, envoyLeast)
	rounds := map[string][]carried{}
	all, err = b.inRounds(ctx, s, all, func(_ int, c contender) error {
		one, err := b.carry(ctx, c, stub, hosts)
		if err != nil {
			return err
		}
		b.say("  %-28s %6.0f requests/s, CPU %.3f ms a request; it has %.0f %% of its core, the load %.0f %% of the other one", c.title, one.rate, one.cpu, 100*one.proxy, 100*one.load)
		rounds[c.name] = append(rounds[c.name], one)
		return nil
	})
	if err != nil {
		return err
	}
	s.tellThroughput(all, rounds)
	return nil
}

// stubs starts the replica that answers at once, on the load's core.
func (b *bench) stubs(ctx context.Context) (stub *stage.Server, hosts []string, err error) {
	ports, err := b.stage.Ports(stubs)
	if err != nil {
		return nil, nil, err
	}
	args := []string{b.self, "stub"}
	for _, port := range ports {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", port))
		args = append(args, "--listen", hosts[len(hosts)-1])
	}
	stub, err = b.stage.Start(ctx, stage.Program{
		Name: "stub", Args: args, Env: environment(), Dir: b.dir, Cores: strconv.Itoa(b.cores.Load), Log: filepath.Join(b.dir, "stub.log"), Ready: "http://" + hosts[0] + api.PathReadyz,
	})
	return stub, hosts, err
}

// carry measures one proxy once.
func (b *bench) carry(ctx context.Context, c contender, stub *stage.Server, hosts []string) (one carried, err error) {
	p, err := b.open(ctx, c, role{replicas: hosts, cores: strconv.Itoa(b.cores.Server), caller: callerWaits, workers: 1})
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if _, err := b.wrk(ctx, p.url, time.Second); err != nil { // connections are made, memory is taken
		return one, err
	}
	proxy, load, busy, began := p.CPU(), stub.CPU(), machine.Busy(b.cores.Server), time.Now()
	result, err := b.wrk(ctx, p.url, b.lasts(5*time.Second, 3*time.Second))
	if err != nil {
		return one, err
	}
	elapsed := time.Since(began)
	share := func(d time.Duration) float64 { return d.Seconds() / elapsed.Seconds() }
	proxy, load, busy = p.CPU()-proxy, stub.CPU()-load, machine.Busy(b.cores.Server)-busy
	return carried{
		rate: result.rate(), cpu: figures.Milliseconds(proxy) / result.Requests, p50: result.P50 / 1000, p99: result.P99 / 1000,
		proxy: share(proxy), load: share(load + result.cpu), others: max(0, share(busy-proxy)),
	}, nil
}

//go:embed wrk.lua
var wrkScript []byte

// wrkResult is what the script tells, times in microseconds.
type wrkResult struct {
	Requests     float64 `json:"requests"`
	Microseconds float64 `json:"microseconds"`
	Failed       float64 `json:"failed"`
	P50          float64 `json:"p50"`
	P99          float64 `json:"p99"`
	cpu          time.Duration
}

func (r wrkResult) rate() float64 { return r.Requests / r.Microseconds * 1e6 }

// wrk asks again and again over a number of connections, on the load's core.
func (b *bench) wrk(ctx context.Context, url string, length time.Duration) (r wrkResult, err error) {
	script, picture := filepath.Join(b.dir, "wrk.lua"), filepath.Join(b.dir, "picture.jpg")
	if err := errors.Join(os.WriteFile(script, wrkScript, 0o644), os.WriteFile(picture, b.picture, 0o644)); err != nil {
		return r, err
	}
	ask := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(b.cores.Load), "wrk", "--threads", "1", "--connections", strconv.Itoa(throughputConnections),
		"--duration", fmt.Sprintf("%ds", int(length.Seconds())), "--timeout", "10s", "--script", script, url)
	ask.Env = environment("BENCH_PICTURE=" + picture)
	said, err := ask.Output()
	if err != nil {
		return r, fmt.Errorf("wrk: %w: %s", err, said)
	}
	if err := json.Unmarshal([]byte(stage.LastLine(string(said))), &r); err != nil {
		return r, fmt.Errorf("wrk's answer: %w: %s", err, said)
	}
	r.cpu = ask.ProcessState.UserTime() + ask.ProcessState.SystemTime()
	if r.Failed > 0 {
		return r, fmt.Errorf("%.0f of %.0f requests failed", r.Failed, r.Requests)
	}
	return r, nil
}

func (s *section) tellThroughput(all []contender, rounds map[string][]carried) {
	each := func(c contender, figure func(carried) float64) (list []float64) {
		for _, one := range rounds[c.name] {
			list = append(list, figure(one))
		}
		return list
	}
	rate := func(c carried) float64 { return c.rate }
	s.table = [][]string{{"proxy", "requests/s", "ours is", "CPU a request", "p50", "p99", "of its core", "load, of the other", "others on its core"}}
	for _, c := range all {
		middle := func(figure func(carried) float64) float64 { return figures.Median(each(c, figure)) }
		s.table = append(s.table, []string{
			c.title, fmt.Sprintf("%.0f", middle(rate)), fmt.Sprintf("%.2f ×", figures.Median(figures.Ratios(each(dispatcher, rate), each(c, rate)))),
			fmt.Sprintf("%.3f ms", middle(func(c carried) float64 { return c.cpu })),
			latency(middle(func(c carried) float64 { return c.p50 })), latency(middle(func(c carried) float64 { return c.p99 })),
			percent(middle(func(c carried) float64 { return c.proxy })), percent(middle(func(c carried) float64 { return c.load })),
			percent(middle(func(c carried) float64 { return c.others })),
		})
	}
	for _, bound := range []struct {
		peer  contender
		least float64
	}{{nginxUnbuffered, 0.8}, {nginxDefault, 1}} {
		if !slices.Contains(all, bound.peer) {
			s.judge(false, "requests/s against "+bound.peer.title, fmt.Sprintf("≥ %.1f ×", bound.least), "not measured")
			continue
		}
		ratio := figures.Median(figures.Ratios(each(dispatcher, rate), each(bound.peer, rate)))
		s.judge(ratio >= bound.least, "requests/s against "+bound.peer.title, fmt.Sprintf("≥ %.1f ×", bound.least), "%.2f ×", ratio)
	}
	s.note("wrk over %d connections, one thread; wrk and the replica share a core, the proxy has the other one. The replica is this program's stub: "+
		"it reads a request's head and lets the kernel drop the picture uncopied, so that a proxy fills its core before they fill theirs.", throughputConnections)
}
