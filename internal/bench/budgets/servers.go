package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

// starts are how often each is started: the median is told.
const starts = 5

// pictures are how many a model server has answered when its memory is read.
const pictures = 200

// modelServer: ready within half a second on a core, in proportion within a quota; and small with INT8.
func (b *bench) modelServer(ctx context.Context, all *results) error {
	picture, err := os.ReadFile(filepath.Join(b.root, "images", "church-st-peter.jpg"))
	if err != nil {
		return err
	}
	var took, memory []float64
	for range starts {
		s, url, err := b.serve(ctx, 0, "/readyz", "model-server", "--cpu-limit=1", "--precision=int8", "--drain-delay=0s")
		if err != nil {
			return err
		}
		took = append(took, figures.Milliseconds(s.Started))
		err = predict(ctx, url, picture)
		memory = append(memory, float64(s.Memory())/1e6)
		if err := errors.Join(err, s.Stop()); err != nil {
			return err
		}
	}
	all.atMost("model-server, one core: from its start until it is ready, calibrated", took, 500, "ms")
	all.atMost("model-server, INT8: memory under load", memory, 150, "MB")
	return b.quota(ctx, all)
}

// quota is what most replicas have on minikube and in the demo: a quarter of a core, and so four times as long.
func (b *bench) quota(ctx context.Context, all *results) error {
	const what = "model-server, a quarter of a core: from its start until it is ready"
	if !b.stage.ByKernel() {
		all.missing(what, "no cgroup may be made here")
		return nil
	}
	var took []float64
	for range starts {
		s, _, err := b.serve(ctx, 0.25, "/readyz", "model-server", "--cpu-limit=250m", "--precision=int8", "--drain-delay=0s")
		if err != nil {
			return err
		}
		took = append(took, figures.Milliseconds(s.Started))
		if err := s.Stop(); err != nil {
			return err
		}
	}
	all.atMost(what, took, 2000, "ms")
	return nil
}

func predict(ctx context.Context, url string, picture []byte) error {
	for range pictures {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/predict", bytes.NewReader(picture))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "image/jpeg")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("a picture was answered with %s", answer.Status)
		}
	}
	return nil
}

// loadtest serves nothing: it is started when it knows who it is.
func (b *bench) loadtest(ctx context.Context, all *results) error {
	var took []float64
	for range starts {
		begin := time.Now()
		if err := exec.CommandContext(ctx, b.bin("loadtest"), "--version").Run(); err != nil {
			return fmt.Errorf("loadtest --version: %w", err)
		}
		took = append(took, figures.Milliseconds(time.Since(begin)))
	}
	all.plain("loadtest: start and end of `--version`", took, "ms")
	return nil
}
