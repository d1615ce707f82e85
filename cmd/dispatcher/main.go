// Command dispatcher is the address that users have: it gives each request to a replica with a free slot.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/kube"

	"github.com/prometheus/client_golang/prometheus"
)

var about = command.About{
	Name: "dispatcher",
	Description: `Gives each request to a model server that has a free slot.

Its replicas are the ready pods of a Kubernetes Service, found by watching it: as many as there are at the moment, also none. Without a
cluster, --replicas lists them.

Requests wait here in one queue, and not at the replicas, so that none waits behind a busy replica while another idles. A request
whose replica dies before it answered is sent to another one; with no replica at all, requests are held until there is one.

GET / is a page to try it with, and to watch it work. GET /status tells what it sees, /events the same as it changes; /metrics is for
Prometheus, /healthz and /readyz for probes.`,
}

type flags struct {
	command.Common
	Listen         command.Address `default:":8080" help:"Address to serve on."`
	Replicas       []string        `help:"A fixed list of replicas' URLs, such as http://127.0.0.1:8000, instead of a Service's; repeat the flag, or separate by commas, for more." placeholder:"URL"`
	Service        string          `default:"resnet-inference" help:"The Kubernetes Service whose pods are the replicas, at their port named http."`
	Deployment     string          `default:"resnet-inference" help:"The Deployment of those pods: the page shows what the autoscaler decides about it."`
	Kubeconfig     string          `help:"Kubeconfig file. Default: the ServiceAccount in a pod, else $KUBECONFIG, else ~/.kube/config." placeholder:"FILE"`
	Context        string          `help:"Context of the kubeconfig. Default: its current one."`
	Namespace      string          `short:"n" help:"Namespace of the Service. Default: the context's."`
	Queue          int             `default:"2048" help:"Requests that may wait; further ones are refused at once."`
	QueueTimeout   time.Duration   `default:"10s" help:"Longest wait for a free slot. With no replica at all, requests wait for one up to --timeout."`
	Timeout        time.Duration   `default:"30s" help:"Longest time for a request; a caller may ask for less with X-Request-Timeout-Ms."`
	MaxHeldBytes   command.Bytes   `default:"64MiB" help:"Memory for the bodies of all requests that wait or are at a replica."`
	MaxBody        command.Bytes   `default:"10MiB" help:"Largest request body."`
	AttemptTimeout time.Duration   `help:"How long a replica may take before the request is tried at another one. Default: four times the replicas' p99, at least 1s." placeholder:"DURATION"`
	DrainDelay     time.Duration   `default:"5s" help:"After SIGTERM, how long to serve on while the endpoints spread."`
	DrainTimeout   time.Duration   `default:"30s" help:"Then, how long accepted requests have to finish."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run serves until ctx ends.
func (f *flags) Run(ctx context.Context, log *slog.Logger) error {
	replicas, decisions, err := f.around(log)
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, DisableCompression: true}
	defer transport.CloseIdleConnections()
	service, err := dispatcher.New(dispatcher.Options{
		Listen: string(f.Listen), Discovery: replicas, Decisions: decisions, Transport: transport,
		Queue: f.Queue, QueueTimeout: f.QueueTimeout, Timeout: f.Timeout,
		MaxHeldBytes: int64(f.MaxHeldBytes), MaxBody: int64(f.MaxBody), AttemptTimeout: f.AttemptTimeout,
		DrainDelay: f.DrainDelay, DrainTimeout: f.DrainTimeout,
		Registry: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

// around is where the replicas are: the fixed list where there is one, else the Service's pods, about which an autoscaler decides.
func (f *flags) around(log *slog.Logger) (dispatcher.Discovery, dispatcher.Decisions, error) {
	if len(f.Replicas) > 0 {
		fixed, err := f.fixed()
		return fixed, nil, err
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	var misuse *command.Misuse
	if errors.As(err, &misuse) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w; without a cluster, list the replicas: --replicas URL,URL", err)
	}
	endpoints, err := cluster.Endpoints(f.Service, log)
	if err != nil {
		return nil, nil, err
	}
	deployment, err := cluster.Deployment(f.Deployment)
	if err != nil {
		return nil, nil, err
	}
	return endpoints, deployment.DecisionLog(log), nil
}

func (f *flags) fixed() (dispatcher.Fixed, error) {
	var replicas dispatcher.Fixed
	for _, text := range f.Replicas {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, &command.Misuse{Flag: "--replicas", Value: text, Rule: "must be an http URL such as http://127.0.0.1:8000"}
		}
		base := u.Scheme + "://" + u.Host
		replicas = append(replicas, balance.Endpoint{Name: u.Host, URL: base, Serving: true})
	}
	return replicas, nil
}
