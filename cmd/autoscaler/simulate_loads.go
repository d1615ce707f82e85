package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/prom"
	"resnet-autoscaling/internal/simulate"
)

// traces are read from files, or from Prometheus.
func (s *simulation) traces(ctx context.Context) ([]simulate.Trace, error) {
	if s.FromPrometheus > 0 {
		t, err := s.fromPrometheus(ctx)
		return []simulate.Trace{t}, err
	}
	var all []simulate.Trace
	for _, text := range s.Trace {
		t, err := readTrace(text)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// readTrace reads FILE or FILE*SCALE.
func readTrace(text string) (simulate.Trace, error) {
	name, factor := text, 1.0
	if before, after, ok := cutLast(text, "*"); ok {
		var err error
		if factor, err = strconv.ParseFloat(after, 64); err != nil || !(factor > 0) || factor > 1e6 {
			return simulate.Trace{}, &command.Misuse{Flag: "--trace", Value: text, Rule: "the scale after * must be a number above 0"}
		}
		name = before
	}
	f, err := os.Open(name)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--trace: %w", err)
	}
	defer f.Close()
	t, err := simulate.ReadTrace(strings.TrimSuffix(filepath.Base(name), ".csv"), f)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--trace: %w", err)
	}
	return t.Scaled(factor), nil
}

func cutLast(text, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// arrivalsQuery is the load as dispatchers count it, or where there is none, as replicas answered it.
const arrivalsQuery = `sum(rate(dispatcher_arrivals_total[1m])) or sum(rate(inference_requests_total[1m]))`

func (s *simulation) fromPrometheus(ctx context.Context) (simulate.Trace, error) {
	base, err := command.WebURL("--prometheus-url", s.PrometheusURL, prometheusExample)
	if err != nil {
		return simulate.Trace{}, err
	}
	const step = 15 * time.Second
	rates, err := prom.New(base, &http.Client{}, 30*time.Second).Range(ctx, arrivalsQuery, time.Now().Truncate(step), s.FromPrometheus, step)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("--from-prometheus: %w", err)
	}
	return simulate.FromRates("Prometheus "+s.FromPrometheus.String(), rates, int(step/time.Second)), nil
}
