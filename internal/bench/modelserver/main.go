// Command modelserver measures the model server and its peers side by side, in one run on one core each, and what a request costs it.
package main

import (
	"os"

	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "modelserver",
	Description: `Measures the model server: side by side with its peers, and by what a request costs.

compare installs the peers once, each in an environment of its own under .cache/bench, then starts all servers in turn, round after
round, on the machine's first core, and loads them from its last one. It prints a table and writes it with all that is needed to read
it. A server that labels pictures otherwise than ours is not quoted; one that cannot be had is listed with the reason.

cost measures what a request costs the model server, part by part, so that a change of the input path shows: in instructions, which a
busy machine does not change, where the machine counts them, and in CPU time.

quota measures whether the model server does under a CPU quota what it says of itself (inference_capacity_rps).

soak loads the model server for a long time with all that clients send, good and bad, and looks at every answer and at what the
server holds: memory, goroutines, open files.`,
}

type flags struct {
	command.Common
	Compare compareFlags `cmd:"" default:"withargs" help:"Measure the servers side by side (the default)."`
	Cost    costFlags    `cmd:"" help:"What a request costs the model server, by parts."`
	Quota   quotaFlags   `cmd:"" help:"Whether the model server's stated capacity is what it reaches under CPU quotas."`
	Soak    soakFlags    `cmd:"" help:"Whether the model server stays well under a long mixed load."`
}

// product are the flags that say what of the repository is measured.
type product struct {
	Root   string `default:"../.." type:"existingdir" help:"The repository: its bin/, models/, internal/bench/peers/ and .cache/ are used."`
	Server string `placeholder:"FILE" type:"path" help:"The model server. Default: bin/model-server of the repository."`
	Model  string `placeholder:"DIR" type:"path" help:"The model's folder. Default: models/resnet18-imagenette of the repository."`
	Images string `placeholder:"DIR" type:"path" help:"A folder with the JPEGs that are sent. Default: images of the repository."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }
