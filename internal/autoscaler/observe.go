package autoscaler

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
)

// queries are what is asked of Prometheus, one series per pod each.
type queries struct{ requests, requestsAge, capacity, cpu, cpuAge string }

func (o Options) queries() queries {
	pods := fmt.Sprintf("namespace=%q,pod=~%q", o.Namespace, regexp.QuoteMeta(o.Name)+"-.*")
	// Docker as minikube runs it leaves the container label empty (kubernetes/minikube#16742); elsewhere the sum over the pod has an
	// empty one too, and max takes it once.
	cpu := fmt.Sprintf("container_cpu_usage_seconds_total{%s,container=~%q}", pods, regexp.QuoteMeta(o.Container)+"|")
	requests := fmt.Sprintf("inference_requests_total{%s}", pods)
	return queries{
		requests:    fmt.Sprintf("sum by (pod) (rate(%s[%s]))", requests, model.Duration(o.RateWindow)),
		requestsAge: fmt.Sprintf("time() - max by (pod) (timestamp(%s))", requests),
		capacity:    fmt.Sprintf("max by (pod) (inference_capacity_rps{%s})", pods),
		cpu:         fmt.Sprintf("max by (pod) (rate(%s[%s]))", cpu, model.Duration(o.CPUWindow)),
		cpuAge:      fmt.Sprintf("time() - max by (pod) (timestamp(%s))", cpu),
	}
}

// observe looks at the cluster, and asks for both signals at once. Only the cluster is needed: what Prometheus lacks is part of the
// observation.
func (s *Service) observe(ctx context.Context) (scaling.Observation, error) {
	fleet, err := s.o.Deployment.Fleet(ctx)
	if err != nil {
		return scaling.Observation{}, err
	}
	var asking errgroup.Group
	var requests, cpu scaling.Signal
	asking.Go(func() error { requests = s.requests(ctx); return nil })
	asking.Go(func() error { cpu = s.cpu(ctx, fleet); return nil })
	_ = asking.Wait() // each signal carries its own error
	return scaling.Observation{
		Replicas: fleet.Replicas, RollingOut: fleet.RollingOut, Pods: fleet.Pods, Signals: []scaling.Signal{requests, cpu},
	}, nil
}

// requests is the rate of requests that each pod answers.
func (s *Service) requests(ctx context.Context) scaling.Signal {
	signal := scaling.Signal{Name: "requests", Target: s.o.TargetRPS}
	signal.Samples, signal.Err = s.ask(ctx, s.queries.requests, s.queries.requestsAge, s.o.StaleAfter)
	if signal.Err == nil && signal.Target == 0 {
		signal.Target, signal.Err = s.measuredTarget(ctx)
	}
	return signal
}

// measuredTarget is the replicas' share of the capacity that they measured themselves, on average.
func (s *Service) measuredTarget(ctx context.Context) (float64, error) {
	capacity, err := s.o.Prometheus.ByPod(ctx, s.queries.capacity)
	if err != nil {
		return 0, fmt.Errorf("capacity of the replicas: %w", err)
	}
	sum, measured := 0.0, 0
	for _, c := range capacity {
		if c.Value > 0 { // a pod that starts has not measured itself yet
			sum += c.Value
			measured++
		}
	}
	if measured == 0 {
		return 0, fmt.Errorf("%w: no replica has measured its capacity yet", scaling.ErrNoData)
	}
	return s.o.TargetShare * sum / float64(measured), nil
}

// cpu is the CPU that each pod uses, as a share of what it requests.
func (s *Service) cpu(ctx context.Context, fleet scaling.Fleet) scaling.Signal {
	signal := scaling.Signal{Name: "cpu", Target: s.o.TargetCPU, CPU: true}
	used, err := s.ask(ctx, s.queries.cpu, s.queries.cpuAge, s.o.StaleCPU)
	if err != nil {
		signal.Err = err
		return signal
	}
	signal.Samples = map[string]scaling.Sample{}
	for pod, sample := range used {
		request, known := fleet.CPURequests[pod]
		if !known {
			continue // gone since, or without a request to be a share of
		}
		signal.Samples[pod] = scaling.Sample{Value: sample.Value / request, At: sample.At}
	}
	return signal
}

func (s *Service) ask(ctx context.Context, query, age string, limit time.Duration) (map[string]scaling.Sample, error) {
	samples, err := s.o.Prometheus.ByPod(ctx, query)
	if err != nil {
		return nil, err
	}
	ages, err := s.o.Prometheus.ByPod(ctx, age)
	if err != nil {
		return nil, fmt.Errorf("age of the samples: %w", err)
	}
	return s.o.Fresh(samples, ages, limit)
}
