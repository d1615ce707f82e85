package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/stage"
)

// What a picture takes a model server with one core, as measured, decoding included.
const (
	serviceTime     = 12 * time.Millisecond // with INT8
	fullServiceTime = 36 * time.Millisecond // with FP32
)

// kind is how a replica behaves.
type kind struct {
	service time.Duration
	cv      float64
	slots   int
	queue   int // for each slot
}

// usual is a replica with one core.
var usual = kind{service: serviceTime, cv: 0.05, slots: 1, queue: 4}

// slower is a replica with one core and FP32: where a case wants more requests of a machine's cores than they have for INT8's.
var slower = kind{service: fullServiceTime, cv: 0.05, slots: 1, queue: 4}

// rps is how many requests a replica can serve.
func (k kind) rps() float64 { return float64(k.slots) / k.service.Seconds() }

// fleet is replicas that run.
type fleet struct {
	kinds    []kind
	hosts    []string // host and port of each
	replicas []*stage.Server
}

// equals is n kinds alike.
func equals(k kind, n int) []kind {
	kinds := make([]kind, n)
	for i := range kinds {
		kinds[i] = k
	}
	return kinds
}

// oneSlower is the kinds, the first of which takes factor times as long.
func oneSlower(kinds []kind, factor int) []kind {
	kinds[0].service *= time.Duration(factor)
	return kinds
}

// capacity is how many requests a second all of them can serve.
func (f *fleet) capacity() (sum float64) {
	for _, k := range f.kinds {
		sum += k.rps()
	}
	return sum
}

// fleet starts replicas.
func (b *bench) fleet(ctx context.Context, kinds []kind) (*fleet, error) {
	ports, err := b.stage.Ports(len(kinds))
	if err != nil {
		return nil, err
	}
	f := &fleet{kinds: kinds}
	for i, k := range kinds {
		host := fmt.Sprintf("127.0.0.1:%d", ports[i])
		replica, err := b.stage.Start(ctx, b.replicaAt(host, k, i))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("replica %d: %w", i, err), f.stop())
		}
		f.hosts, f.replicas = append(f.hosts, host), append(f.replicas, replica)
	}
	return f, nil
}

func (b *bench) replicaAt(host string, k kind, seed int) stage.Program {
	name := fmt.Sprintf("replica-%s", portOf(host))
	return stage.Program{
		Name: name, Dir: b.dir, Env: environment(), Log: filepath.Join(b.dir, name+".log"), Ready: "http://" + host + api.PathReadyz,
		Args: []string{
			b.replica, "--listen", host, "--service", k.service.String(), "--cv", fmt.Sprint(k.cv), "--slots", fmt.Sprint(k.slots), "--queue", fmt.Sprint(k.queue),
			"--seed", fmt.Sprint(seed), "--drain-delay", "0s", "--log-level", "error",
		},
	}
}

func (f *fleet) stop() error {
	errs := make([]error, len(f.replicas))
	var stopping sync.WaitGroup
	for i, r := range f.replicas {
		stopping.Go(func() { errs[i] = r.Stop() })
	}
	stopping.Wait()
	return errors.Join(errs...)
}
