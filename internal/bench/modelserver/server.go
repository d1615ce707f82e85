package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

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
	ports, err := t.stage.Ports(3)
	if err != nil {
		return nil, err
	}
	p, url := c.program(t.w, ports), fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	running, err := t.stage.Start(ctx, stage.Program{
		Name: c.name, Args: p.args, Env: t.w.environment(p.env...), Dir: t.w.root, Cores: strconv.Itoa(t.cores.Server),
		Log: t.w.cache(c.name + ".server.log"), Ready: url + c.ready,
	})
	if err != nil {
		return nil, err
	}
	return &server{contender: c, Server: running, url: url}, nil
}
