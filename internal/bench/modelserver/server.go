package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
)

// server is a contender that runs, on one core.
type server struct {
	contender
	*stage.Server
	url string
}

// theatre is where servers run, on a core of their own.
type theatre struct {
	w     workplace
	stage *stage.Stage
	cores machine.Cores
}

// onStage calls use with the two cores kept apart, and ends what is left of its servers.
func (w workplace) onStage(log *slog.Logger, use func(theatre) error) error {
	cores, err := machine.PinLoad()
	if err != nil {
		return err
	}
	return stage.Open(log, func(s *stage.Stage) error { return use(theatre{w: w, stage: s, cores: cores}) })
}

// start runs a contender on the servers' core and waits until it is ready.
func (t theatre) start(ctx context.Context, c contender) (*server, error) {
	return t.w.launch(ctx, t.stage, c, func(p *stage.Program) { p.Cores = strconv.Itoa(t.cores.Server) })
}

// launch runs a contender within bounds and waits until it is ready.
func (w workplace) launch(ctx context.Context, s *stage.Stage, c contender, bound func(*stage.Program)) (*server, error) {
	ports, err := s.Ports(3)
	if err != nil {
		return nil, err
	}
	p, url := c.program(w, ports), fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	program := stage.Program{
		Name: c.name, Args: p.args, Env: w.environment(p.env...), Dir: w.root, Log: w.cache(c.name + ".server.log"), Ready: url + c.ready,
	}
	bound(&program)
	running, err := s.Start(ctx, program)
	if err != nil {
		return nil, err
	}
	return &server{contender: c, Server: running, url: url}, nil
}

// capability is what a model server says of itself.
func (v *server) capability(ctx context.Context) (api.Capability, error) {
	header, err := v.Readiness(ctx)
	if err != nil {
		return api.Capability{}, err
	}
	c, ok := api.CapabilityFrom(header)
	if !ok || c.CapacityRPS == 0 {
		return c, fmt.Errorf("%s states no capacity", v.ready)
	}
	return c, nil
}
