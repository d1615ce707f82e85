// Command loadtest drives the service with pictures, on schedule, and judges it.
package main

import (
	"os"
	"slices"

	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "loadtest",
	Description: `Sends pictures on a schedule and measures what their senders would feel.

Requests leave when they are due, whatever the server does, and latency counts from that instant: a server that stalls cannot
hide it. Profiles follow one another: loadtest --profile constant:20/30s --profile ramp:20..60/1m --slo 'p99<250ms'

Ctrl-C ends the test early and tells what was done until then.

The exit code is 0 when the whole schedule was run and every SLO kept, so that a test can gate a release; 1 when one was missed, when
the test was ended early, or when there was nobody to send to; 2 for a mistake on the command line.`,
}

// flags are the commands. Without the name of one it is a test.
type flags struct {
	command.Common
	Run          test         `cmd:"" default:"withargs" help:"Run a test; what happens without the name of a command."`
	FindCapacity findCapacity `cmd:"" help:"Search for the highest rate that keeps the objectives."`
	Compare      compare      `cmd:"" help:"Hold a result against a baseline. 1 if it is worse than it may be."`
	Merge        merge        `cmd:"" help:"Make one result of several testers'."`
}

func main() { os.Exit(command.Run(about, &flags{}, withCommand(os.Args[1:]), os.Stdout, os.Stderr)) }

// withCommand names the command whose help is asked for: without a name it is a test's, whose flags are what most look for.
func withCommand(args []string) []string {
	named := slices.ContainsFunc(args, func(arg string) bool {
		return slices.Contains([]string{"run", "find-capacity", "compare", "merge"}, arg)
	})
	if named || !slices.Contains(args, "--help") && !slices.Contains(args, "-h") {
		return args
	}
	return append([]string{"run"}, args...)
}
