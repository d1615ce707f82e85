package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"resnet-autoscaling/internal/alarm"
	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/prom"
	"resnet-autoscaling/internal/summary"
)

// driving is how pictures are sent, in every kind of test.
type driving struct {
	URL           string        `name:"url" help:"Where pictures are sent. Default: http://localhost:8080/predict; if nothing listens there, the cluster's dispatcher through the API server."`
	Images        string        `default:"images" help:"A picture, or a folder of them, sent in turn." type:"path"`
	Form          string        `enum:"raw,multipart" default:"raw" help:"How a picture is sent: raw, as the body, or multipart, as the field file of a form."`
	Protocol      string        `enum:"predict,v2" default:"predict" help:"What is spoken: predict, or v2: the Open Inference Protocol, the picture as binary BYTES."`
	Model         string        `default:"resnet18" help:"Of --protocol v2: the model that is asked."`
	Header        []string      `sep:"none" help:"A header on every request; repeat the flag for more." placeholder:"'NAME: VALUE'"`
	Poisson       bool          `help:"Space requests as independent users would, instead of evenly."`
	Seed          uint64        `default:"1" help:"Of --poisson: the same seed is the same schedule."`
	Timeout       time.Duration `default:"30s" help:"Longest wait for an answer."`
	MaxInFlight   int           `default:"10000" help:"Requests that may be unanswered at once; further ones are not sent, and counted as errors of the kind unsent."`
	Connections   int           `default:"0" help:"Connections open at once; 0: as many as there are requests in flight. A request that waits for one waits on the clock."`
	NoKeepalive   bool          `name:"no-keepalive" help:"Each request on a connection of its own."`
	HTTP2         bool          `name:"http2" env:"RESNET_HTTP2" help:"Speak HTTP/2, many requests on one connection; without TLS too."`
	CA            string        `name:"ca" help:"Certificates, as PEM, to trust besides the system's." placeholder:"FILE"`
	Expect        string        `help:"A CSV of file,synset (images/labels.csv): an answer with another best label is an error of the kind wrong." placeholder:"FILE"`
	Kubeconfig    string        `help:"Kubeconfig file of the cluster whose dispatcher and desired replicas are meant. Default: $KUBECONFIG, else ~/.kube/config." placeholder:"FILE"`
	Context       string        `help:"Context of the kubeconfig. Default: its current one."`
	Namespace     string        `short:"n" help:"Namespace of the Deployment and of the dispatcher. Default: the context's."`
	Deployment    string        `default:"resnet-inference" help:"The Deployment whose desired replicas are told."`
	PrometheusURL string        `name:"prometheus-url" help:"Where to ask how much CPU the replicas use. Default: the cluster's Prometheus through the API server." placeholder:"URL"`
}

var modelName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Validate finds what contradicts itself.
func (f *driving) Validate() error {
	return errors.Join(
		command.Check(f.Connections >= 0, "--connections", f.Connections, "must not be below 0"),
		command.Check(modelName.MatchString(f.Model), "--model", f.Model, "must be a name, of letters, digits, dots, dashes and underscores"),
		command.Check(f.Protocol != "v2" || f.Form == "raw", "--form", f.Form, "belongs to --protocol predict"),
		command.Check(!f.HTTP2 || !f.NoKeepalive, "--no-keepalive", f.NoKeepalive, "does not go with --http2, which is many requests on one connection"),
	)
}

// prepared is what a test needs of the world.
type prepared struct {
	options loadtest.Options
	undo    []func()
}

func (p *prepared) close() {
	for i := len(p.undo) - 1; i >= 0; i-- {
		p.undo[i]()
	}
}

// prepare reads what is to be sent, and finds the ways to where.
func (f *driving) prepare(maxInFlight int) (*prepared, error) {
	pictures, err := f.pictures()
	if err != nil {
		return nil, err
	}
	header, err := f.header()
	if err != nil {
		return nil, err
	}
	roots, err := f.roots()
	if err != nil {
		return nil, err
	}
	clock, err := alarm.New()
	if err != nil {
		return nil, err
	}
	client := loadtest.Connections{Most: f.Connections, Fresh: f.NoKeepalive, HTTP2: f.HTTP2, Roots: roots}.Client(maxInFlight)
	p := &prepared{
		options: loadtest.Options{
			Spacing: f.spacing(), Pictures: pictures, Form: f.form(), Header: header, Timeout: f.Timeout, MaxInFlight: f.MaxInFlight, Sleep: clock.Sleep,
		},
		undo: []func(){func() { clock.Close() }, client.CloseIdleConnections},
	}
	if err := f.find(&p.options, client); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func run(ctx context.Context, o loadtest.Options) (summary.Result, error) {
	service, err := loadtest.New(o)
	if err != nil {
		return summary.Result{}, err
	}
	return service.Run(ctx)
}

func (f *driving) spacing() pace.Spacing {
	if f.Poisson {
		return pace.Poisson(f.Seed)
	}
	return pace.Even()
}

func (f *driving) form() loadtest.Form {
	switch {
	case f.Protocol == "v2":
		return loadtest.V2(f.Model)
	case f.Form == "multipart":
		return loadtest.Multipart()
	default:
		return loadtest.Raw()
	}
}

func (f *driving) header() (http.Header, error) {
	header := http.Header{}
	for _, line := range f.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(name, " \t\r\n/") {
			return nil, &command.Misuse{Flag: "--header", Value: withheld, Rule: "must be NAME: VALUE"}
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

func (f *driving) roots() (*x509.CertPool, error) {
	if f.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, &command.Misuse{Flag: "--ca", Value: f.CA, Rule: "must be a file of certificates: " + err.Error()}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, &command.Misuse{Flag: "--ca", Value: f.CA, Rule: "must hold a certificate as PEM"}
	}
	return roots, nil
}

func (f *driving) pictures() ([]loadtest.Picture, error) {
	info, err := os.Stat(f.Images)
	if err != nil {
		return nil, &command.Misuse{Flag: "--images", Value: f.Images, Rule: "must be a picture or a folder of pictures"}
	}
	var pictures []loadtest.Picture
	if info.IsDir() {
		pictures, err = loadtest.LoadPictures(os.DirFS(f.Images))
	} else {
		pictures, err = loadtest.LoadPicture(os.DirFS(filepath.Dir(f.Images)), filepath.Base(f.Images))
	}
	if err != nil || f.Expect == "" {
		return pictures, err
	}
	labels, err := os.Open(f.Expect)
	if err != nil {
		return nil, &command.Misuse{Flag: "--expect", Value: f.Expect, Rule: "must be a CSV of file,synset"}
	}
	defer labels.Close()
	return pictures, loadtest.Expect(pictures, labels)
}

// find is what is known about where to send, and of the cluster behind it.
func (f *driving) find(o *loadtest.Options, client *http.Client) error {
	o.Where = loadtest.Where{Client: client, Default: &url.URL{Scheme: "http", Host: "localhost:8080", Path: api.PathPredict}}
	if f.URL != "" {
		said, err := url.Parse(f.URL)
		if err != nil {
			return &command.Misuse{Flag: "--url", Value: f.URL, Rule: err.Error()}
		}
		o.Where.Said = said
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	var misuse *command.Misuse
	if errors.As(err, &misuse) {
		return err
	}
	if err == nil { // no cluster is nothing unusual: the service may run without one
		deployment, err := cluster.Deployment(f.Deployment)
		if err != nil {
			return err
		}
		o.Where.Cluster, o.Desired, o.Decisions = cluster, deployment.Desired, deployment.Decisions
	}
	return f.findCPU(o, cluster)
}

// cpuQuery is what all replicas use, in cores; a container without a name is a pod under Docker.
const cpuQuery = `sum(max by (pod) (rate(container_cpu_usage_seconds_total{namespace=%q,pod=~%q,container=~"resnet|"}[1m])))`

// askPrometheus bounds a look at Prometheus.
const askPrometheus = 2 * time.Second

// findCPU is the way to Prometheus, where there is one.
func (f *driving) findCPU(o *loadtest.Options, cluster *kube.Cluster) error {
	namespace := "default"
	if cluster != nil {
		namespace = cluster.Namespace()
	} else if f.Namespace != "" {
		namespace = f.Namespace
	}
	var base *url.URL
	var err error
	client := &http.Client{}
	switch {
	case f.PrometheusURL != "":
		base, err = command.WebURL("--prometheus-url", f.PrometheusURL, "http://localhost:9090")
	case cluster != nil:
		base, client, err = cluster.Prometheus()
	default:
		return nil
	}
	if err != nil {
		return err
	}
	query := fmt.Sprintf(cpuQuery, namespace, f.Deployment+"-.*")
	o.CPU = func(ctx context.Context) (float64, error) {
		return prom.New(base, client, askPrometheus).Value(ctx, query)
	}
	return nil
}
