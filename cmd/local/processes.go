package main

import (
	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/process"
)

// processes lets the agent start containers by the launcher.
type processes struct{ launcher *process.Launcher }

// Start runs a container.
func (p processes) Start(c node.Command) (node.Process, error) {
	started, err := p.launcher.Start(process.Command(c))
	if err != nil {
		return nil, err // not started: a nil *process.Process would pass for one that was
	}
	return started, nil
}
