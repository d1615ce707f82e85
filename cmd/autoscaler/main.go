// Command autoscaler keeps the number of replicas at what the load needs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/prom"
	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/client_golang/prometheus"
)

var about = command.About{
	Name: "autoscaler",
	Description: `Asks Prometheus for the load, decides how many replicas it needs, and patches the Deployment's scale.

On a laptop it uses the current kubectl context, and reaches Prometheus through the API server; --dry-run --once shows what it would
do and changes nothing. It never acts on what it does not know: without data it holds, says so and counts it.

Each decision is a line, a Kubernetes Event, an entry of GET /decisions and a metric; /healthz and /readyz are for probes.

  autoscaler simulate --help   replays a load of the past against policies, on paper`,
}

type flags struct {
	command.Common
	Listen        command.Address `default:":8081" help:"Address to serve /decisions, /metrics and probes on."`
	Policy        string          `default:"target" enum:"target" help:"How to decide. target: the Kubernetes HPA's rule on CPU and requests per pod; the larger wins."`
	PrometheusURL string          `name:"prometheus-url" help:"Prometheus. Default: http://prometheus-service:9090 in a cluster, elsewhere that Service through the API server." placeholder:"URL"`
	Kubeconfig    string          `help:"Kubeconfig file. Default: the ServiceAccount in a pod, else $KUBECONFIG, else ~/.kube/config." placeholder:"FILE"`
	Context       string          `help:"Context of the kubeconfig. Default: its current one."`
	Namespace     string          `short:"n" help:"Namespace of the Deployment and of Prometheus. Default: the context's."`
	Deployment    string          `default:"resnet-inference" help:"The Deployment to scale."`
	Container     string          `default:"resnet" help:"The container of its pods whose CPU counts."`
	Interval      time.Duration   `default:"5s" help:"Time between decisions."`
	QueryTimeout  time.Duration   `default:"2s" help:"Longest wait for an answer of Prometheus."`
	RateWindow    time.Duration   `default:"30s" help:"Window of the rate of requests; several scrapes long."`
	CPUWindow     time.Duration   `name:"cpu-window" default:"1m" help:"Window of the rate of CPU use."`
	StaleAfter    time.Duration   `default:"20s" help:"Age, by Prometheus' own clock, from which requests count as missing."`
	StaleCPUAfter time.Duration   `name:"stale-cpu-after" default:"45s" help:"The same for CPU, which is scraped less often."`
	Tolerance     float64         `default:"0.1" help:"No change while a signal is within this share of its target."`
	TargetCPU     float64         `name:"target-cpu" default:"0.7" help:"CPU to keep pods at, as a share of their request."`
	TargetRPS     float64         `name:"target-rps" help:"Requests per second to keep a pod at. Default: 70 percent of the capacity that the pods measured." placeholder:"RPS"`
	UpWindow      time.Duration   `default:"0s" help:"How long more replicas must be asked for before there are more."`
	DownWindow    time.Duration   `default:"300s" help:"How long fewer replicas must be asked for before there are fewer."`
	UpPolicy      []scaling.Step  `default:"100%/15s,4/15s" help:"Fastest growth: a percentage or a number of pods per period; the most generous one holds."`
	DownPolicy    []scaling.Step  `default:"100%/15s" help:"Fastest shrinking, likewise."`
	MinReplicas   int             `default:"1" help:"Fewest replicas. At 1 or more, a person who scales to 0 pauses the autoscaler; at 0, zero is its own to use."`
	MaxReplicas   int             `default:"10" help:"Most replicas."`
	LeaderElect   bool            `default:"true" negatable:"" help:"Take the Lease named after the Deployment before acting, so that two autoscalers never fight. --no-leader-elect acts without."`
	DryRun        bool            `help:"Decide and tell, but change nothing: no scaling, no Lease, no Events."`
	Once          bool            `help:"Decide once, print it, and exit. 1 when the cluster could not be read or scaled."`
	Output        string          `short:"o" default:"text" enum:"text,json" help:"How decisions are printed: text or json, one a line."`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "simulate" {
		os.Exit(command.Run(aboutSimulate, &simulation{}, os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr))
}

// Validate checks what only flags together can get wrong.
func (f *flags) Validate() error {
	return errors.Join(
		command.Check(f.MinReplicas >= 0, "--min-replicas", f.MinReplicas, "must not be negative"),
		command.Check(f.MaxReplicas >= max(1, f.MinReplicas), "--max-replicas", f.MaxReplicas, fmt.Sprintf("must be at least 1 and at least --min-replicas, which is %d", f.MinReplicas)),
		command.Check(f.Tolerance >= 0 && f.Tolerance < 1, "--tolerance", f.Tolerance, "must be a share from 0 to below 1, such as 0.1"),
		command.Check(f.UpWindow >= 0 && f.UpWindow <= time.Hour, "--up-window", f.UpWindow, "must be from 0s to 1h"),
		command.Check(f.DownWindow >= 0 && f.DownWindow <= time.Hour, "--down-window", f.DownWindow, "must be from 0s to 1h"),
		command.Check(f.QueryTimeout > 0, "--query-timeout", f.QueryTimeout, "must be above 0"),
		command.Check(f.CPUWindow >= 2*time.Second, "--cpu-window", f.CPUWindow, "must be at least 2s, and span several scrapes"),
		command.Check(f.StaleCPUAfter > 0, "--stale-cpu-after", f.StaleCPUAfter, "must be above 0"),
	)
}

// Run decides until ctx ends, or once.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	if err != nil {
		return err
	}
	service, err := f.service(cluster, log, out)
	if err != nil {
		return err
	}
	if f.Once {
		_, err := service.Once(ctx)
		return err
	}
	return service.Run(ctx)
}

func (f *flags) service(cluster *kube.Cluster, log *slog.Logger, out io.Writer) (*autoscaler.Service, error) {
	deployment, err := cluster.Deployment(f.Deployment)
	if err != nil {
		return nil, err
	}
	metrics, err := f.prometheus(cluster, log)
	if err != nil {
		return nil, err
	}
	listen := string(f.Listen)
	if f.Once {
		listen = ""
	}
	return autoscaler.New(autoscaler.Options{
		Listen: listen, Policy: f.policy(), MaxReplicas: f.MaxReplicas, Prometheus: metrics, Deployment: deployment, Elect: f.elect(cluster, log),
		Name: f.Deployment, Namespace: cluster.Namespace(), Container: f.Container, Interval: f.Interval,
		RateWindow: f.RateWindow, CPUWindow: f.CPUWindow, StaleAfter: f.StaleAfter, StaleCPU: f.StaleCPUAfter,
		TargetCPU: f.TargetCPU, TargetRPS: f.TargetRPS, TargetShare: 0.7,
		DryRun: f.DryRun, Told: f.printer(out, log), Registry: prometheus.NewRegistry(), Log: log,
	})
}

func (f *flags) policy() scaling.Policy {
	return scaling.Target{
		Min: f.MinReplicas, Max: f.MaxReplicas, Tolerance: f.Tolerance, UpWindow: f.UpWindow, DownWindow: f.DownWindow,
		UpSteps: f.UpPolicy, DownSteps: f.DownPolicy,
	}
}

// prometheus finds the way to Prometheus.
func (f *flags) prometheus(cluster *kube.Cluster, log *slog.Logger) (*prom.Client, error) {
	text := f.PrometheusURL
	if text == "" && cluster.Inside() {
		text = "http://prometheus-service:9090"
	}
	if text == "" {
		base, client, err := cluster.ServiceProxy("prometheus-service", "9090")
		if err != nil {
			return nil, err
		}
		log.Info("Prometheus is reached through the API server", "service", "prometheus-service", "namespace", cluster.Namespace())
		return prom.New(base, client, f.QueryTimeout), nil
	}
	base, err := url.Parse(text)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, &command.Misuse{Flag: "--prometheus-url", Value: text, Rule: "must be an http or https URL such as http://localhost:9090"}
	}
	return prom.New(base, &http.Client{}, f.QueryTimeout), nil
}

// elect is how it becomes the one that acts. Whoever changes nothing needs nobody's leave.
func (f *flags) elect(cluster *kube.Cluster, log *slog.Logger) autoscaler.Elect {
	if f.DryRun || f.Once || !f.LeaderElect {
		return autoscaler.Alone
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	identity := fmt.Sprintf("%s_%d", host, os.Getpid())
	return func(ctx context.Context, holds func(string), lead func(context.Context) error) error {
		return cluster.Lead(ctx, f.Deployment+"-autoscaler", identity, holds, lead, log)
	}
}

// printer prints decisions on the standard output: every one when asked for one, else those that a person waits for.
func (f *flags) printer(out io.Writer, log *slog.Logger) func(scaling.Decision) {
	last := scaling.HoldNone
	return func(d scaling.Decision) {
		news := f.Once || d.Changed() || d.Hold != last
		last = d.Hold
		if !news {
			return
		}
		line := []byte(d.At.Format(time.TimeOnly) + " " + d.String())
		if f.Output == "json" {
			line, _ = json.Marshal(d) // numbers, strings and a time: it cannot fail
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			log.Warn("print decision", "error", err)
		}
	}
}
