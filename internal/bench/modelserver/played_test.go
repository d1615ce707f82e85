package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/lifecycle"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/process"
	"resnet-autoscaling/internal/resnet"

	"github.com/prometheus/client_golang/prometheus"
)

// played is the model server without weights: all but inference is the real one. A file in its model's folder gives it a fault:
//
//	wrong     in INT8, it sees another class
//	wavers    it sees another class each time
//	leaks     each inference leaves a goroutine behind
//	boasts    it states a hundred times its capacity
//	stumbles  it does not end well
type played struct {
	spec  resnet.Spec
	runs  atomic.Int64
	class int
	fault map[string]bool
}

const (
	church, tench = 4, 0
)

// playedLabels are as many classes as the bundled model has.
var playedLabels = []string{"n01440764", "n1", "n2", "n3", "n03028079", "n5", "n6", "n7", "n8", "n9"}

func play() {
	if err := (&played{class: church, fault: map[string]bool{}}).serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// option is a flag's value; the otherwise where the flag is not given.
func option(name, otherwise string) string {
	if at := slices.Index(os.Args, name); at >= 0 {
		return os.Args[at+1]
	}
	return otherwise
}

func (p *played) serve() error {
	model := option("--model", "")
	for _, fault := range []string{"wrong", "wavers", "leaks", "boasts", "stumbles"} {
		_, err := os.Stat(filepath.Join(model, fault))
		p.fault[fault] = err == nil
	}
	text, err := os.ReadFile(filepath.Join(model, "model.json"))
	if err != nil {
		return err
	}
	if p.spec, err = resnet.ParseSpec(text); err != nil {
		return err
	}
	o, err := p.options()
	if err != nil {
		return err
	}
	service, err := modelserver.New(o)
	if err != nil {
		return err
	}
	ctx, release := lifecycle.WithSignals(context.Background())
	defer release()
	if err := service.Run(ctx); err != nil {
		return err
	}
	if p.fault["stumbles"] {
		return errors.New("stumbled")
	}
	return nil
}

func (p *played) options() (modelserver.Options, error) {
	cpus := process.CPUs(os.DirFS("/"))
	if limit, err := strconv.ParseFloat(option("--cpu-limit", ""), 64); err == nil {
		cpus = limit
	}
	queue, err := strconv.Atoi(option("--queue", "4"))
	if err != nil {
		return modelserver.Options{}, err
	}
	precision := option("--precision", "fp32")
	if p.fault["wrong"] && precision == "int8" {
		p.class = tench
	}
	o := modelserver.Options{
		Listen: option("--listen", ""), Runtime: "played", Slots: max(1, int(cpus)), CPUs: cpus, Queue: queue,
		Timeout: 10 * time.Second, MaxBody: 10 << 20, MaxPixels: 25e6, MaxBatch: 16, DrainTimeout: time.Minute,
		CPUTime: p.cpuTime, Registry: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	served := modelserver.Model{Spec: p.spec, Precision: precision}
	for _, synset := range playedLabels {
		served.Labels = append(served.Labels, resnet.Label{Synset: synset, Name: synset})
	}
	o.Models = []modelserver.Model{served}
	for range o.Slots {
		o.Stations = append(o.Stations, modelserver.Station{
			Networks: []modelserver.Network{&playedNetwork{played: p, input: make([]float32, p.spec.Input.Values())}},
		})
	}
	return o, nil
}

func (p *played) cpuTime() time.Duration {
	if p.fault["boasts"] {
		return process.CPUTime() / 100
	}
	return process.CPUTime()
}

// playedNetwork sees the same class in all pictures, and is the surer the brighter they are.
type playedNetwork struct {
	*played
	input []float32
}

func (n *playedNetwork) Input() []float32 { return n.input }

func (n *playedNetwork) Run() ([]float32, error) {
	class := n.class
	if n.fault["wavers"] {
		class = int(n.runs.Add(1)) % len(playedLabels)
	}
	if n.fault["leaks"] {
		go func() { select {} }()
	}
	sum := float32(0)
	for _, v := range n.input {
		sum += v
	}
	logits := make([]float32, len(playedLabels))
	logits[class] = 8 + sum/float32(len(n.input))
	return logits, nil
}
