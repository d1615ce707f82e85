package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/prom"
)

// find tells a test what is known about where to send, and whom to ask about what is behind it.
func (f *driving) find(o *loadtest.Options, client *http.Client) error {
	o.Where = loadtest.Where{Client: client, Default: &url.URL{Scheme: "http", Host: "localhost:8080", Path: api.PathPredict}}
	if f.URL != "" {
		said, err := url.Parse(f.URL)
		if err != nil {
			return &command.Misuse{Flag: "--url", Value: f.URL, Rule: err.Error()}
		}
		o.Where.Said = said
	}
	cluster, err := f.cluster()
	if err != nil {
		return err
	}
	if cluster != nil {
		deployment, err := cluster.Deployment(f.Deployment)
		if err != nil {
			return err
		}
		o.Where.Cluster, o.Desired, o.Decisions = cluster, deployment.Desired, deployment.Decisions
	}
	o.CPU, err = f.cpu(cluster)
	return err
}

// cluster is nil where there is none, which is nothing unusual: the service may run without one.
func (f *driving) cluster() (*kube.Cluster, error) {
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	var misuse *command.Misuse
	if errors.As(err, &misuse) {
		return nil, err
	}
	return cluster, nil
}

// cpuQuery is what all replicas use, in cores; a container without a name is a pod under Docker.
const cpuQuery = `sum(max by (pod) (rate(container_cpu_usage_seconds_total{namespace=%q,pod=~%q,container=~"resnet|"}[1m])))`

// askPrometheus bounds a look at Prometheus.
const askPrometheus = 2 * time.Second

// cpu asks Prometheus; nil where there is none to ask.
func (f *driving) cpu(cluster *kube.Cluster) (func(context.Context) (float64, error), error) {
	var base *url.URL
	var err error
	client, namespace := &http.Client{}, cmp.Or(f.Namespace, "default")
	if cluster != nil {
		namespace = cluster.Namespace()
	}
	switch {
	case f.PrometheusURL != "":
		base, err = command.WebURL("--prometheus-url", f.PrometheusURL, "http://localhost:9090")
	case cluster != nil:
		base, client, err = cluster.Prometheus()
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf(cpuQuery, namespace, f.Deployment+"-.*")
	return func(ctx context.Context) (float64, error) {
		return prom.New(base, client, askPrometheus).Value(ctx, query)
	}, nil
}
