// Command dispatcher measures the dispatcher beside other proxies, in one run: what it adds, how many requests it carries, how long the
// slowest wait, and what becomes of requests when replicas stall, callers flood it or only hold on to their connections.
package main

import (
	"os"

	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "bench-dispatcher",
	Description: `Measures the dispatcher, side by side with nginx, HAProxy and Envoy, against replicas that sleep for the service time of real ones.

Each case starts the replicas and the proxies that it needs as its own children, loads them in turn, round after round, and says which
requirements were met. A whole run takes 25 minutes and is written down with all that is needed to read it; --case and --short make a
run of minutes, which is only printed. A peer that is not installed is left out, and the table says so.`,
}

type flags struct {
	command.Common
	Measure measureFlags `cmd:"" default:"withargs" help:"Measure (the default)."`
	Crowd   crowdFlags   `cmd:"" hidden:"" help:"Clients that hold on to their connections, for the idle case."`
	Stub    stubFlags    `cmd:"" hidden:"" help:"A replica that answers at once and looks at nothing, for the throughput case."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }
