package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"

	"golang.org/x/sync/errgroup"
)

// The settings of every run. A replica has a quarter of a core, and six of them leave half a core of two to everything else. The SLO is one
// that a replica can keep whose quota makes it wait, and the window one in which a fall is seen.
const (
	cpu         = 0.25
	period      = 100 * time.Millisecond // of a quota: the kernel's default, which local keeps to
	maxReplicas = 6
	latency     = time.Second
	downWindow  = 20 * time.Second
	picture     = "church-st-peter.jpg"
)

const (
	measuring = 15 * time.Second // of a replica by itself
	calm      = 40 * time.Second // before the load: the autoscaler and Prometheus have looked a few times
	watching  = 100 * time.Millisecond
	endMost   = 45 * time.Second
	host      = "127.79.255.1" // a range of its own out of 127/8
	pods      = "127.79.0.0/16"
)

// rig runs the system.
type rig struct {
	stage *stage.Stage
	root  string
	dir   string // of logs and results
}

func (r rig) bin(name string) string { return filepath.Join(r.root, "bin", name) }

func at(port int) string { return fmt.Sprintf("http://%s:%d", host, port) }

// run measures a replica by itself, and then the system under the load.
func (r rig) run(ctx context.Context, policy string) (reality, error) {
	m := reality{
		Policy: policy, Machine: machine.Describe(), Started: time.Now().UTC(), Latency: latency, CPU: cpu, Period: period,
		MaxReplicas: maxReplicas, DownWindow: downWindow,
	}
	var err error
	if m.Alone, m.AloneCost, err = r.alone(ctx); err != nil {
		return m, fmt.Errorf("a replica by itself: %w", err)
	}
	up, err := r.up(ctx, policy)
	if err != nil {
		return m, err
	}
	err = r.drive(ctx, &m)
	_ = up.Process.Signal(syscall.SIGINT) // one that has ended already is found out below
	select {
	case <-up.Process.Done():
	case <-time.After(endMost):
		err = errors.Join(err, fmt.Errorf("local had not ended %v after Ctrl-C", endMost))
	}
	return m, errors.Join(err, up.Stop())
}

// alone is how many requests per second a replica answers that never waits for one, under its quota, and the seconds of CPU time that each
// takes.
func (r rig) alone(ctx context.Context) (rate, cost float64, err error) {
	ports, err := r.stage.Ports(1)
	if err != nil {
		return 0, 0, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	server, err := r.stage.Start(ctx, stage.Program{
		Name: "alone", Dir: r.root, Env: os.Environ(), CPUs: cpu, Log: filepath.Join(r.dir, "alone.log"), Ready: base + api.PathReadyz,
		Args: []string{r.bin("model-server"), fmt.Sprintf("--listen=127.0.0.1:%d", ports[0]), fmt.Sprintf("--cpu-limit=%g", cpu), "--drain-delay=0s"},
	})
	if err != nil {
		return 0, 0, err
	}
	before := server.CPU()
	answers, err := r.load(ctx, base+api.PathPredict)
	used := server.CPU() - before
	return answers / measuring.Seconds(), used.Seconds() / answers, errors.Join(err, server.Stop())
}

// load sends the picture over two connections, so that the next one is always there, and counts the answers.
func (r rig) load(ctx context.Context, url string) (float64, error) {
	data, err := os.ReadFile(filepath.Join(r.root, "images", picture))
	if err != nil {
		return 0, err
	}
	var answers atomic.Int64
	end := time.Now().Add(measuring)
	var asking errgroup.Group
	for range 2 {
		asking.Go(func() error {
			for time.Now().Before(end) {
				if err := predict(ctx, url, data); err != nil {
					return err
				}
				answers.Add(1)
			}
			return nil
		})
	}
	err = asking.Wait()
	return float64(answers.Load()), err
}

func predict(ctx context.Context, url string, data []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(&api.PredictResponse{})
}

// up starts the system. Its autoscaler is the real one, with a shorter window than local gives it.
func (r rig) up(ctx context.Context, policy string) (*stage.Server, error) {
	bin := filepath.Join(r.dir, "bin")
	if err := errors.Join(os.RemoveAll(bin), os.MkdirAll(bin, 0o755)); err != nil {
		return nil, err
	}
	for _, name := range []string{"model-server", "dispatcher", "loadtest"} {
		if err := os.Symlink(r.bin(name), filepath.Join(bin, name)); err != nil {
			return nil, err
		}
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" --down-window=%v\n", r.bin("autoscaler"), downWindow)
	if err := os.WriteFile(filepath.Join(bin, "autoscaler"), []byte(script), 0o755); err != nil {
		return nil, err
	}
	return r.stage.Start(ctx, stage.Program{
		Name: "local", Dir: r.root, Env: os.Environ(), Log: filepath.Join(r.dir, "local.log"), Ready: at(8080) + api.PathReadyz,
		Args: []string{
			r.bin("local"), "up", "--bin=" + bin, "--dir=" + filepath.Join(r.dir, "local"), "--pods=" + pods,
			"--listen=" + host + ":8080", "--autoscaler-listen=" + host + ":8081", "--prometheus-listen=" + host + ":9090",
			"--api-listen=" + host + ":8001", "--node-listen=" + host + ":10250",
			fmt.Sprintf("--cpu=%g", cpu), fmt.Sprintf("--max-replicas=%d", maxReplicas), "--policy=" + policy, "--slo-latency=" + latency.String(),
		},
	})
}
