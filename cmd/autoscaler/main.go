// Command autoscaler keeps the number of replicas at what the load needs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
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

  autoscaler explain --help    tells why there are as many replicas as there are
  autoscaler simulate --help   replays a load of the past against policies, on paper`,
}

// settings are those of the autoscaler and of whoever asks what it would do.
type settings struct {
	command.Common
	Policy        string         `default:"target" enum:"target,slo" help:"How to decide. target: the Kubernetes HPA's rule on CPU and requests per pod; the larger wins. slo: as few replicas as keep --slo-latency, by the load that is coming and by what replicas measured that they can do."`
	PrometheusURL string         `name:"prometheus-url" help:"Prometheus. Default: http://prometheus-service:9090 in a cluster, elsewhere that Service through the API server." placeholder:"URL"`
	Kubeconfig    string         `help:"Kubeconfig file. Default: the ServiceAccount in a pod, else $KUBECONFIG, else ~/.kube/config." placeholder:"FILE"`
	Context       string         `help:"Context of the kubeconfig. Default: its current one."`
	Namespace     string         `short:"n" help:"Namespace of the Deployment and of Prometheus. Default: the context's."`
	Deployment    string         `default:"resnet-inference" help:"The Deployment to scale."`
	Container     string         `default:"resnet" help:"The container of its pods whose CPU counts."`
	Interval      time.Duration  `default:"5s" help:"Time between decisions."`
	QueryTimeout  time.Duration  `default:"2s" help:"Longest wait for an answer of Prometheus."`
	RateWindow    time.Duration  `default:"30s" help:"Window of the rate of requests; several scrapes long."`
	CPUWindow     time.Duration  `name:"cpu-window" default:"1m" help:"Window of the rate of CPU use."`
	StaleAfter    time.Duration  `default:"20s" help:"Age, by Prometheus' own clock, from which requests count as missing."`
	StaleCPUAfter time.Duration  `name:"stale-cpu-after" default:"45s" help:"The same for CPU, which is scraped less often."`
	MinReplicas   int            `default:"1" help:"Fewest replicas. At 1 or more, a person who scales to 0 pauses the autoscaler; at 0, zero is its own to use."`
	MaxReplicas   int            `default:"10" help:"Most replicas."`
	Price         float64        `help:"Price of a replica for an hour, in any currency: decisions then tell what they cost." placeholder:"MONEY"`
	MaxCost       float64        `help:"Most that all replicas together may cost an hour, at --price: with --max-replicas, whichever allows fewer." placeholder:"MONEY"`
	UpPolicy      []scaling.Step `help:"Fastest growth: percentages or numbers of pods per period, such as 100%/15s,4/15s; the most generous one holds. Default: that by policy target, no limit by slo." placeholder:"STEP"`
	DownPolicy    []scaling.Step `help:"Fastest shrinking, likewise. Default: 100%/15s by policy target, no limit by slo." placeholder:"STEP"`
	DownWindow    *time.Duration `help:"Policy target: how long fewer replicas must be asked for before there are fewer; default 300s. Policy slo: how long after growth there may be fewer; default 2m." placeholder:"TIME"`

	SLOLatency   time.Duration `group:"Policy slo" name:"slo-latency" default:"250ms" help:"The latency that 99 of 100 requests are to keep."`
	QueueTimeout time.Duration `group:"Policy slo" default:"10s" help:"The dispatcher's --queue-timeout: who has waited so long is gone, and needs no replica."`

	Tolerance float64       `group:"Policy target" default:"0.1" help:"No change while a signal is within this share of its target."`
	TargetCPU float64       `group:"Policy target" name:"target-cpu" default:"0.7" help:"CPU to keep pods at, as a share of their request."`
	TargetRPS float64       `group:"Policy target" name:"target-rps" help:"Requests per second to keep a pod at: those that it gets, or its share of those that the dispatchers count, whichever is more. Default: 70 percent of the capacity that the pods measured." placeholder:"RPS"`
	UpWindow  time.Duration `group:"Policy target" default:"0s" help:"How long more replicas must be asked for before there are more."`
}

type flags struct {
	settings
	Listen      command.Address `default:":8081" help:"Address to serve /decisions, /metrics and probes on."`
	LeaderElect bool            `default:"true" negatable:"" help:"Take the Lease named after the Deployment before acting, so that two autoscalers never fight. --no-leader-elect acts without."`
	DryRun      bool            `help:"Decide and tell, but change nothing: no scaling, no Lease, no Events."`
	Once        bool            `help:"Decide once, print it, and exit. 1 when the cluster could not be read or scaled."`
	Output      string          `short:"o" default:"text" enum:"text,json" help:"How decisions are printed: text or json, one a line."`
}

func main() {
	if len(os.Args) > 1 {
		switch rest := os.Args[2:]; os.Args[1] {
		case "simulate":
			os.Exit(command.Run(aboutSimulate, &simulation{}, rest, os.Stdout, os.Stderr))
		case "explain":
			os.Exit(command.Run(aboutExplain, &explanation{}, rest, os.Stdout, os.Stderr))
		}
	}
	os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr))
}

// Validate checks what only flags together can get wrong.
func (f *settings) Validate() error {
	return errors.Join(
		command.Check(f.MinReplicas >= 0, "--min-replicas", f.MinReplicas, "must not be negative"),
		command.Check(f.MaxReplicas >= max(1, f.MinReplicas), "--max-replicas", f.MaxReplicas, fmt.Sprintf("must be at least 1 and at least --min-replicas, which is %d", f.MinReplicas)),
		command.Check(f.Tolerance >= 0 && f.Tolerance < 1, "--tolerance", f.Tolerance, "must be a share from 0 to below 1, such as 0.1"),
		command.Check(f.UpWindow >= 0 && f.UpWindow <= time.Hour, "--up-window", f.UpWindow, "must be from 0s to 1h"),
		command.Check(f.DownWindow == nil || *f.DownWindow >= 0 && *f.DownWindow <= time.Hour, "--down-window", text(f.DownWindow), "must be from 0s to 1h"),
		checkCost(f.ceiling(), f.MinReplicas),
		command.Check(f.SLOLatency > 0 && f.SLOLatency <= time.Minute, "--slo-latency", f.SLOLatency, "must be above 0 and at most 1m, such as 250ms"),
		command.Check(f.QueueTimeout > 0, "--queue-timeout", f.QueueTimeout, "must be above 0"),
		command.Check(f.QueryTimeout > 0, "--query-timeout", f.QueryTimeout, "must be above 0"),
		command.Check(f.CPUWindow >= 2*time.Second, "--cpu-window", f.CPUWindow, "must be at least 2s, and span several scrapes"),
		command.Check(f.StaleCPUAfter > 0, "--stale-cpu-after", f.StaleCPUAfter, "must be above 0"),
	)
}

// checkCost checks what replicas cost, and may.
func checkCost(c scaling.Ceiling, least int) error {
	return errors.Join(
		command.Check(c.Price >= 0 && c.Price < math.Inf(1), "--price", c.Price, "must be what a replica costs an hour, such as 0.05"),
		command.Check(c.MaxCost >= 0 && c.MaxCost < math.Inf(1) && (c.MaxCost == 0 || c.Price > 0), "--max-cost", c.MaxCost, "must be what all replicas may cost an hour, and needs a --price"),
		command.Check(c.Replicas < 1 || c.Max() >= max(1, least) || c.Max() == c.Replicas, "--max-cost", c.MaxCost,
			fmt.Sprintf("must pay for at least one replica, and for --min-replicas, which is %d, at --price %g", least, c.Price)),
	)
}

// text is a flag's value, or nothing where it was not given.
func text(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// Run decides until ctx ends, or once.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	cluster, err := f.connect()
	if err != nil {
		return err
	}
	o, err := f.options(cluster, log)
	if err != nil {
		return err
	}
	o.DryRun, o.Told = f.DryRun, f.printer(out, log)
	if f.Once {
		service, err := autoscaler.New(o)
		if err != nil {
			return err
		}
		_, err = service.Alone(ctx)
		return err
	}
	o.Listen, o.Elect = string(f.Listen), f.elect(cluster, log)
	service, err := autoscaler.New(o)
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

func (f *settings) connect() (*kube.Cluster, error) {
	return kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
}

// historyTimeout bounds a query that no decision waits for.
const historyTimeout = 20 * time.Second

func (f *settings) options(cluster *kube.Cluster, log *slog.Logger) (autoscaler.Options, error) {
	deployment, err := cluster.Deployment(f.Deployment)
	if err != nil {
		return autoscaler.Options{}, err
	}
	base, client, err := f.prometheus(cluster, log)
	if err != nil {
		return autoscaler.Options{}, err
	}
	return autoscaler.Options{
		Policy: f.policy(), MaxReplicas: f.ceiling().Max(), Price: f.Price, MaxCost: f.MaxCost,
		Prometheus: prom.New(base, client, f.QueryTimeout), History: prom.New(base, client, historyTimeout), Deployment: deployment, Elect: autoscaler.Alone,
		Name: f.Deployment, Namespace: cluster.Namespace(), Container: f.Container, Interval: f.Interval,
		RateWindow: f.RateWindow, CPUWindow: f.CPUWindow, StaleAfter: f.StaleAfter, StaleCPU: f.StaleCPUAfter,
		TargetCPU: f.TargetCPU, TargetRPS: f.TargetRPS, TargetShare: 0.7,
		Registry: prometheus.NewRegistry(), Log: log,
	}, nil
}

// prometheusExample is a --prometheus-url.
const prometheusExample = "http://localhost:9090"

// prometheus finds the way to Prometheus.
func (f *settings) prometheus(cluster *kube.Cluster, log *slog.Logger) (*url.URL, *http.Client, error) {
	if f.PrometheusURL != "" {
		base, err := command.WebURL("--prometheus-url", f.PrometheusURL, prometheusExample)
		return base, &http.Client{}, err
	}
	base, client, err := cluster.Prometheus()
	if err == nil && !cluster.Inside() {
		log.Info("Prometheus is reached through the API server", "url", base.Redacted())
	}
	return base, client, err
}

// elect is how it becomes the one that acts. Whoever changes nothing needs nobody's leave.
func (f *flags) elect(cluster *kube.Cluster, log *slog.Logger) autoscaler.Elect {
	if f.DryRun || !f.LeaderElect {
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
