package main

import (
	"context"
	"errors"
	"regexp"
	"time"

	"resnet-autoscaling/internal/alarm"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
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

// prepare reads what is to be sent, and finds where to. Undo it when the tests are over.
func (f *driving) prepare() (o loadtest.Options, undo func(), err error) {
	o = loadtest.Options{Spacing: f.spacing(), Form: f.form(), Timeout: f.Timeout, MaxInFlight: f.MaxInFlight}
	if o.Pictures, err = f.pictures(); err != nil {
		return o, nil, err
	}
	if o.Header, err = f.header(); err != nil {
		return o, nil, err
	}
	roots, err := f.roots()
	if err != nil {
		return o, nil, err
	}
	client := loadtest.Connections{Most: f.Connections, Fresh: f.NoKeepalive, HTTP2: f.HTTP2, Roots: roots}.Client(f.MaxInFlight)
	if err := f.find(&o, client); err != nil {
		return o, nil, err
	}
	clock, err := alarm.New()
	if err != nil {
		return o, nil, err
	}
	o.Sleep = clock.Sleep
	return o, func() { client.CloseIdleConnections(); clock.Close() }, nil
}

func run(ctx context.Context, o loadtest.Options) (summary.Result, error) {
	service, err := loadtest.New(o)
	if err != nil {
		return summary.Result{}, err
	}
	return service.Run(ctx)
}
