// Command budgets holds the binaries against their budgets: how soon each is ready, what memory it takes, how long the demo takes. What the
// end-to-end test and the test of the images measured in their last runs it takes from out/.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "budgets",
	Description: `Measures how soon each binary is ready and what memory it takes, and writes that beside the budgets.

What only other targets can measure is taken from what they wrote into out/: the images from make test-images, a thousand replicas from
make e2e. What they have not written is listed as not measured. The demo takes five minutes; --short leaves it out.`,
}

type flags struct {
	command.Common
	Root  string `default:"." type:"path" help:"The repository, with its binaries built."`
	Short bool   `help:"Leave out the demo."`
	Out   string `default:"RESULTS.md" type:"path" help:"The file that is written."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// bench is what all measurements share.
type bench struct {
	root, dir string
	cores     machine.Cores
	stage     *stage.Stage
	log       *slog.Logger
}

// Run measures, tells and writes. A budget that is missed is in the table, and is no error.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) (err error) {
	if _, err := os.Stat(filepath.Join(f.Root, "bin", "model-server")); err != nil {
		return command.Check(false, "--root", f.Root, "must be the repository, with its binaries: make build makes them")
	}
	b := &bench{root: f.Root, log: log}
	if b.cores, err = machine.TwoCores(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "budgets-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	var all results
	err = stage.Open(log, func(s *stage.Stage) error {
		b.stage = s
		return b.measure(ctx, &all, f.Short)
	})
	if err != nil {
		return err
	}
	all.take(filepath.Join(f.Root, "out", "e2e.tsv"), "make e2e")
	all.take(filepath.Join(f.Root, "out", "images.tsv"), "make test-images")
	page := all.markdown(time.Now(), f.Short)
	if _, err := io.WriteString(out, page); err != nil {
		return err
	}
	return os.WriteFile(f.Out, []byte(page), 0o644)
}

func (b *bench) measure(ctx context.Context, all *results, short bool) error {
	steps := []func(context.Context, *results) error{b.modelServer, b.dispatcher, b.autoscaler, b.loadtest, b.localUp}
	if short {
		all.missing("the demo", "it takes five minutes: make budgets without SHORT=1")
	} else {
		steps = append(steps, b.demo)
	}
	for _, step := range steps {
		if err := step(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) bin(name string) string { return filepath.Join(b.root, "bin", name) }

// serve starts a binary on the servers' core; what is asked for its readiness is a path.
func (b *bench) serve(ctx context.Context, cpus float64, path, name string, args ...string) (*stage.Server, string, error) {
	ports, err := b.stage.Ports(1)
	if err != nil {
		return nil, "", err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	p := stage.Program{
		Name: fmt.Sprintf("%s-%d", name, ports[0]), Dir: b.root, CPUs: cpus, Cores: fmt.Sprint(b.cores.Server), Ready: url + path,
		Env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "RESNET_ONNXRUNTIME_LIB=" + os.Getenv("RESNET_ONNXRUNTIME_LIB")},
		Log:  filepath.Join(b.dir, name+".log"),
		Args: append([]string{b.bin(name), fmt.Sprintf("--listen=127.0.0.1:%d", ports[0]), "--log-level=warn"}, args...),
	}
	s, err := b.stage.Start(ctx, p)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return s, url, nil
}
