// Command local runs the whole system on one machine, without a cluster.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/local"
	"resnet-autoscaling/internal/summary"
)

var about = command.About{
	Name: "local",
	Description: `Runs the whole system on this machine, without a cluster or Docker: the production binaries as processes, each replica on an
address of its own and held to its share of CPU, and the part of the Kubernetes API that they and kubectl use.

  local up      until Ctrl-C
  local demo    the load rises, replicas follow, the load falls; ends with a report

While it runs: kubectl --kubeconfig .local/kubeconfig get pods -w. Nothing of it survives its end.`,
}

type flags struct {
	command.Common
	Up   up   `cmd:"" help:"Run the system until Ctrl-C."`
	Demo demo `cmd:"" help:"Run the system, drive it for three minutes, and judge it. 1 if a request was lost, the SLO was missed or it did not scale."`
}

type up struct{ system }

type demo struct {
	system
	Images string       `default:"images" help:"The pictures to send: one, or a folder of them."`
	Report string       `default:"out/report.html" help:"Where the report is written." placeholder:"FILE"`
	SLO    *summary.SLO `name:"slo" help:"The objective that has to hold. Default: p99<2s; with --policy slo, p99 within --slo-latency." placeholder:"p99<2s"`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs the system until ctx ends.
func (u *up) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return u.run(ctx, log, nil, func(ctx context.Context, s *local.Service, method string) error {
		fmt.Fprintf(out, `resnet-autoscaling is up, with %d of at most %d replicas of %v CPU each (limited by %s).
  classify     curl -F file=@images/garbage-truck.png %s/predict
  drive        go run ./cmd/loadtest
  watch        kubectl --kubeconfig %s get pods -w
  Prometheus   http://%s      decisions   http://%s/decisions
Ctrl-C ends it all.
`, u.Replicas, u.max(), u.CPU, method, "http://"+u.Listen.String(), s.Kubeconfig(), u.PrometheusListen, u.AutoscalerListen)
		return follow(ctx, s.Kubeconfig(), out)
	})
}

// follow prints what the autoscaler does, until ctx ends.
func follow(ctx context.Context, kubeconfig string, out io.Writer) error {
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: kubeconfig, UserAgent: about.Name})
	if err != nil {
		return err
	}
	deployment, err := cluster.Deployment(local.Deployment)
	if err != nil {
		return err
	}
	return deployment.Decisions(ctx, time.Now(), func(at time.Time, decision string) {
		fmt.Fprintf(out, "%s  autoscaler  %s\n", at.Local().Format(time.TimeOnly), decision)
	})
}

// Run drives the system and judges it. Only trouble is logged: the screen is the load test's, which tells what the autoscaler does.
func (d *demo) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	log = slog.New(troubleOnly{log.Handler()})
	if err := d.check(); err != nil {
		return err
	}
	objective, err := d.objective()
	if err != nil {
		return err
	}
	said, args := d.hurry()
	fmt.Fprintln(out, said)
	return d.run(ctx, log, args, func(ctx context.Context, s *local.Service, method string) error {
		fmt.Fprintf(out, "Up; CPU is limited by %s. kubectl --kubeconfig %s get pods -w\n", method, s.Kubeconfig())
		err := s.Demo(ctx, local.Demo{Loadtest: d.bin("loadtest"), Images: d.Images, Report: d.Report, SLO: objective, Out: out})
		if err == nil {
			fmt.Fprintln(out, "Nothing was lost, the SLO held, replicas rose and fell.")
		}
		return err
	})
}

// objective is what has to hold.
func (d *demo) objective() (summary.SLO, error) {
	switch {
	case d.SLO != nil:
		return *d.SLO, nil
	case d.Policy == policySLO:
		return summary.ParseSLO("p99<" + d.SLOLatency.String())
	default:
		return summary.ParseSLO("p99<2s")
	}
}

// hurry is what makes three minutes show growth and shrinking.
func (d *demo) hurry() (said string, args []string) {
	if d.Policy == policySLO {
		return "Starting. So that three minutes show both, there may be fewer replicas 20 s\n" +
			"after there were more here, instead of two minutes.", []string{"--down-window=20s"}
	}
	return "Starting. So that three minutes show both, the autoscaler looks back here over\n" +
		"15 s of requests instead of 30 s and over 30 s of CPU instead of 1m, and waits\n" +
		"20 s before it scales down instead of 300 s.", []string{"--rate-window=15s", "--cpu-window=30s", "--down-window=20s"}
}

// check finds out before anything starts what the load test would find out at its end.
func (d *demo) check() error {
	if _, err := os.Stat(d.Images); err != nil {
		return &command.Misuse{Flag: "--images", Value: d.Images, Rule: fmt.Sprintf("must be a picture or a folder of pictures: %v", err)}
	}
	if err := os.MkdirAll(filepath.Dir(d.Report), 0o755); err != nil {
		return &command.Misuse{Flag: "--report", Value: d.Report, Rule: err.Error()}
	}
	return command.CheckWritable("--report", d.Report)
}

// troubleOnly passes warnings and errors on.
type troubleOnly struct{ slog.Handler }

func (h troubleOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h troubleOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return troubleOnly{h.Handler.WithAttrs(attrs)}
}

func (h troubleOnly) WithGroup(name string) slog.Handler {
	return troubleOnly{h.Handler.WithGroup(name)}
}
