package main

import (
	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/process"
)

// processes lets the agent start containers by the launcher.
type processes struct{ launcher *process.Launcher }

// Start runs a container.
func (p processes) Start(c node.Command) (node.Process, error) {
	started, err := p.launcher.Start(process.Command{
		Name: c.Name, Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir, Output: c.Output, CPU: c.CPU, Memory: c.Memory,
	})
	if err != nil {
		return nil, err // not started: a nil *process.Process would pass for one that was
	}
	return started, nil
}
