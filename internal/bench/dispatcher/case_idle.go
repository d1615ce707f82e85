package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/stage"
)

const (
	idleClients = 10_000
	slowClients = 1_000
	idleLoad    = 0.5 // of what the replicas serve
	mostMoved   = 1.10
)

// crowdedRound is a load without and with the crowd beside it.
type crowdedRound struct {
	quiet, crowded outcomes
	connected      connected // at the end
	memory         int64     // of the dispatcher, with the crowd
}

// idle is what others feel of clients that hold on to their connections.
func (b *bench) idle(ctx context.Context, s *section) error {
	return b.onFleet(ctx, equals(usual, fleetSize), func(f *fleet, capacity float64) error { return b.besides(ctx, s, f, capacity) })
}

// besides measures in rounds, and tells.
func (b *bench) besides(ctx context.Context, s *section, f *fleet, capacity float64) error {
	var quiet, crowded []outcomes
	var last crowdedRound
	for round := range b.rounds {
		var err error
		last, err = b.crowded(ctx, f, traffic{
			profile: constant(idleLoad*capacity, b.lasts(12*time.Second, 5*time.Second)), seed: uint64(round), timeout: callerWaits, picture: b.picture,
		})
		if err != nil {
			return err
		}
		quiet, crowded = append(quiet, last.quiet), append(crowded, last.crowded)
		b.say("  p99 alone %s, beside the crowd %s; connected: %+v", latency(last.quiet.quantile(0.99)), latency(last.crowded.quantile(0.99)), last.connected)
		if last.connected.Idle < idleClients*99/100 {
			s.judge(false, "idle clients that stay connected", "99 %", "%d", last.connected.Idle)
		}
	}
	s.table = [][]string{{"load", "requests", "success", "p50", "p99", "p99.9"}}
	for _, row := range []struct {
		title string
		all   outcomes
	}{{"alone", pooled(quiet)}, {"beside the crowd", pooled(crowded)}} {
		s.table = append(s.table, append([]string{row.title, fmt.Sprint(len(row.all)), percent(row.all.success())}, latencies(row.all, 0.5, 0.99, 0.999)...))
	}
	ratio := figures.Median(figures.Ratios(each(crowded, 0.99), each(quiet, 0.99)))
	s.judge(ratio <= mostMoved, "p99 of others against p99 without the crowd", fmt.Sprintf("≤ %.2f ×", mostMoved), "%s", times(ratio))
	s.judge(pooled(crowded).success() == 1, "their requests answered", "all", "%s", percent(pooled(crowded).success()))
	s.note("%d clients keep a connection after one answer; %d send a byte a second, half of them of their headers, half of a picture, and come back when they are thrown out. "+
		"They come from %d addresses. The others are %.0f %% load. The dispatcher had %d MB with all of them.", idleClients, slowClients, sources, 100*idleLoad, last.memory/1e6)
	return nil
}

// crowded measures a dispatcher, and measures it again with the crowd.
func (b *bench) crowded(ctx context.Context, f *fleet, t traffic) (r crowdedRound, err error) {
	p, err := b.open(ctx, dispatcher, role{replicas: f.hosts})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	t.urls = []string{p.url}
	if err := t.warmUp(ctx); err != nil {
		return r, err
	}
	if r.quiet, err = t.run(ctx); err != nil {
		return r, err
	}
	crowd, at, err := b.gather(ctx, p)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, crowd.Stop()) }()
	if r.crowded, err = t.run(ctx); err != nil {
		return r, err
	}
	r.memory = p.Memory()
	r.connected, err = count(ctx, at)
	return r, err
}

// gather starts the crowd and waits until it is there.
func (b *bench) gather(ctx context.Context, p *proxy) (running *stage.Server, at string, err error) {
	ports, err := b.stage.Ports(1)
	if err != nil {
		return nil, "", err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", ports[0])
	running, err = b.stage.Start(ctx, stage.Program{
		Name: "crowd", Dir: b.dir, Env: environment(), Log: filepath.Join(b.dir, "crowd.log"), Ready: "http://" + listen + api.PathReadyz,
		Args: []string{
			b.self, "crowd", "--listen", listen, "--to", p.host(),
			"--idle", strconv.Itoa(idleClients), "--slow", strconv.Itoa(slowClients),
		},
	})
	return running, "http://" + listen, err
}

func count(ctx context.Context, at string) (c connected, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return c, err
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	return c, json.NewDecoder(resp.Body).Decode(&c)
}
