// Package local runs the whole system on one machine, without a cluster: the Kubernetes API subset, a node agent, and the production
// binaries as processes, from the same manifests and the same Prometheus configuration that a cluster gets.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"syscall"

	"resnet-autoscaling/internal/command"

	"k8s.io/client-go/rest"
)

// API is the Kubernetes API that everything here speaks.
type API interface {
	Run(ctx context.Context) error
	Config() *rest.Config
	Kubeconfig() ([]byte, error)
	CA() []byte
	Token() string
}

// Node turns pods into processes until its context ends.
type Node interface {
	Run(ctx context.Context) error
}

// Process is a program that runs.
type Process interface {
	PID() int
	Signal(s syscall.Signal) error
	Done() <-chan struct{}
	Exit() (code int, signal syscall.Signal)
}

// Program is what to run.
type Program struct {
	Name   string
	Path   string
	Args   []string
	Env    []string
	Output io.Writer
}

// Options are the settings of a Service. All are required but AutoscalerArgs.
type Options struct {
	Dir       string // of the kubeconfig, logs and Prometheus' data
	Manifests fs.FS  // deploy/
	API       API
	Node      Node
	Start     func(Program) (Process, error)

	Dispatcher, Autoscaler, Prometheus                   string         // binaries
	DispatcherListen, AutoscalerListen, PrometheusListen netip.AddrPort // loopback: nothing here asks its clients who they are
	CPU                                                  float64        // cores of each replica
	Replicas, MaxReplicas                                int
	AutoscalerArgs                                       []string // further flags
	Env                                                  []string // of every component

	Log *slog.Logger
}

func (o Options) validate() error {
	return errors.Join(
		command.Check(o.CPU >= 0.05, "--cpu", o.CPU, "must be at least 50m: with less, a replica would take minutes to start"),
		command.Check(o.Replicas >= 1, "--replicas", o.Replicas, "must be at least 1"),
		command.Check(o.MaxReplicas >= o.Replicas, "--max-replicas", o.MaxReplicas, "must be at least --replicas"),
	)
}

func httpURL(address netip.AddrPort) string { return fmt.Sprintf("http://%s", address) }
