// Command loadtest measures the load tester beside its peers: whether a stall is seen for what it is, how much one core can send, and how
// exactly requests leave.
package main

import (
	"os"

	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "loadtest",
	Description: `Measures the load tester beside vegeta, k6, hey and wrk, in one run.

Each tester has one core, and the server that it drives another. vegeta and k6 are built once from their modules; hey and wrk are those
of the system. One that cannot be had is listed with the reason. What it finds goes to RESULTS.md.`,
}

type flags struct {
	command.Common
	Compare compare `cmd:"" default:"withargs" help:"Measure (the default)."`
	Memory  memory  `cmd:"" help:"Look at what the load tester holds while it sends ten million requests."`
	Serve   serve   `cmd:"" hidden:"" help:"Be the server that is driven."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }
