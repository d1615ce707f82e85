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
	"resnet-autoscaling/internal/httpserve"
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

GET / is a page to try it with, and to watch it work. GET /status tells what it sees, /events the same as it changes, /openapi.json what
it takes and answers; /metrics is for Prometheus, /healthz and /readyz for probes.

With --api-keys-file, all but the probes, the page and the description asks for a key, sent as Authorization: Bearer KEY. The file has a
line for each key, with the key's hash instead of the key; # begins a comment:

    name:sha256-hex             or, with a limit of its own, requests a second:
    name:sha256-hex:rps

Make a key and its line with

    KEY=$(openssl rand -hex 32)
    echo "alice:$(printf %s "$KEY" | sha256sum | cut -d' ' -f1)" >> keys

Two lines may have one name: add the new key, let its users change, take the old one out. The file, and the certificate, are read again
within seconds of a change; one that makes no sense is logged, and what held before holds on.`,
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

	APIKeysFile     string          `name:"api-keys-file" help:"File of the API keys that are let in; see above. Default: everybody is." placeholder:"FILE"`
	RateLimit       float64         `default:"0" help:"Requests a second of one API key, else of one client address, to everything that can ask for a key; a key's own rps beats it. Room for a second's worth, then 429. Each dispatcher counts for itself. 0: no limit." placeholder:"RPS"`
	TLSCert         string          `name:"tls-cert" help:"Serve https, HTTP/2 too, with this certificate: a PEM file, intermediates behind it. Probes then have to speak https, or use --admin-listen." placeholder:"FILE"`
	TLSKey          string          `name:"tls-key" help:"The key of --tls-cert: a PEM file." placeholder:"FILE"`
	AdminListen     command.Address `help:"Another address, in plain http, for /metrics, which --listen then has not, and for probes. It drains last." placeholder:"ADDR"`
	AccessLogSample float64         `default:"0.01" help:"Share of the requests, 0 to 1, that get a line in the log. Failures (5xx) and what takes a second or more get one anyway, up to 10 a second."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run serves until ctx ends.
func (f *flags) Run(ctx context.Context, log *slog.Logger) error {
	keys, err := f.keys()
	if err != nil {
		return err
	}
	certificate, err := f.certificate()
	if err != nil {
		return err
	}
	transport := dispatcher.NewTransport()
	defer transport.CloseIdleConnections()
	here, err := f.around(transport, log)
	if err != nil {
		return err
	}
	service, err := dispatcher.New(dispatcher.Options{
		Listen: string(f.Listen), Discovery: here.replicas, Decisions: here.decisions, Notices: here.notices, Transport: transport,
		Queue: f.Queue, QueueTimeout: f.QueueTimeout, Timeout: f.Timeout,
		MaxHeldBytes: int64(f.MaxHeldBytes), MaxBody: int64(f.MaxBody), AttemptTimeout: f.AttemptTimeout,
		AdminListen: string(f.AdminListen), Certificate: certificate, Keys: keys, RateLimit: f.RateLimit, LogSample: f.AccessLogSample,
		DrainDelay: f.DrainDelay, DrainTimeout: f.DrainTimeout,
		Registry: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

// surroundings are where the replicas are, and in a cluster what an autoscaler decides about them and who is told of what goes wrong.
type surroundings struct {
	replicas  dispatcher.Discovery
	decisions dispatcher.Decisions
	notices   dispatcher.Notices
}

// around has the fixed list of replicas where there is one, else the Service's pods.
func (f *flags) around(transport http.RoundTripper, log *slog.Logger) (surroundings, error) {
	if len(f.Replicas) > 0 {
		fixed, err := f.fixed(transport)
		return surroundings{replicas: fixed}, err
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	var misuse *command.Misuse
	if errors.As(err, &misuse) {
		return surroundings{}, err
	}
	if err != nil {
		return surroundings{}, fmt.Errorf("%w; without a cluster, list the replicas: --replicas URL,URL", err)
	}
	endpoints, err := cluster.Endpoints(f.Service, log)
	if err != nil {
		return surroundings{}, err
	}
	deployment, err := cluster.Deployment(f.Deployment)
	if err != nil {
		return surroundings{}, err
	}
	return surroundings{replicas: endpoints, decisions: deployment.DecisionLog(log), notices: endpoints}, nil
}

// keys are nil where none are asked for.
func (f *flags) keys() (*dispatcher.Keys, error) {
	if f.APIKeysFile == "" {
		return nil, nil
	}
	keys, err := dispatcher.ReadKeys(f.APIKeysFile)
	if err != nil {
		return nil, &command.Misuse{Flag: "--api-keys-file", Value: f.APIKeysFile, Rule: "must be a file of API keys: " + err.Error()}
	}
	return keys, nil
}

// certificate is nil for plain http.
func (f *flags) certificate() (*httpserve.Certificate, error) {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil, nil
	case f.TLSKey == "":
		return nil, &command.Misuse{Flag: "--tls-cert", Value: f.TLSCert, Rule: "needs --tls-key, the certificate's key"}
	case f.TLSCert == "":
		return nil, &command.Misuse{Flag: "--tls-key", Value: f.TLSKey, Rule: "needs --tls-cert, the certificate"}
	}
	certificate, err := httpserve.ReadCertificate(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, &command.Misuse{Flag: "--tls-cert", Value: f.TLSCert, Rule: fmt.Sprintf("must be a PEM certificate that belongs to --tls-key %s: %v", f.TLSKey, err)}
	}
	return certificate, nil
}

func (f *flags) fixed(transport http.RoundTripper) (dispatcher.Discovery, error) {
	fixed := dispatcher.Fixed{Transport: transport}
	for _, text := range f.Replicas {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, &command.Misuse{Flag: "--replicas", Value: text, Rule: "must be an http URL such as http://127.0.0.1:8000"}
		}
		base := u.Scheme + "://" + u.Host
		fixed.Replicas = append(fixed.Replicas, balance.Endpoint{Name: u.Host, URL: base, Serving: true})
	}
	return fixed, nil
}
