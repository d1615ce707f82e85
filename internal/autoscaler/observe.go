package autoscaler

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

// series are what is asked of Prometheus about: each counts per pod.
type series struct{ requests, capacity, cpu, arrivals string }

func (o Options) series() series {
	pods := fmt.Sprintf("namespace=%q,pod=~%q", o.Namespace, regexp.QuoteMeta(o.Name)+"-.*")
	return series{
		requests: fmt.Sprintf("inference_requests_total{%s}", pods),
		capacity: fmt.Sprintf("inference_capacity_rps{%s}", pods),
		// Docker as minikube runs it leaves the container label empty (kubernetes/minikube#16742); elsewhere the sum over the pod has
		// an empty one too, and the largest of a pod's series is one of the two.
		cpu:      fmt.Sprintf("container_cpu_usage_seconds_total{%s,container=~%q}", pods, regexp.QuoteMeta(o.Container)+"|"),
		arrivals: fmt.Sprintf("dispatcher_arrivals_total{namespace=%q}", o.Namespace),
	}
}

// observe looks at the cluster, and asks for all signals at once. Only the cluster is needed: what Prometheus lacks is part of the
// observation.
func (s *Service) observe(ctx context.Context) (scaling.Observation, error) {
	fleet, err := s.o.Deployment.Fleet(ctx)
	if err != nil {
		return scaling.Observation{}, err
	}
	var asking sync.WaitGroup
	var requests, cpu scaling.Signal
	var offered scaling.Offered
	asking.Go(func() { requests = s.requests(ctx, fleet) })
	asking.Go(func() { cpu = s.cpu(ctx, fleet) })
	asking.Go(func() { offered = s.offered(ctx) })
	asking.Wait()
	return scaling.Observation{
		Replicas: fleet.Replicas, RollingOut: fleet.RollingOut, Pods: fleet.Pods, Signals: []scaling.Signal{requests, cpu}, Offered: offered,
	}, nil
}

// requests is the rate of requests that reach each pod, whatever becomes of them.
func (s *Service) requests(ctx context.Context, fleet scaling.Fleet) scaling.Signal {
	signal := scaling.Signal{Name: signalRequests, Target: s.o.TargetRPS, Window: s.o.RateWindow}
	var targetErr error
	var asking sync.WaitGroup
	asking.Go(func() {
		signal.Samples, signal.Err = s.rate(ctx, "sum", s.series.requests, s.o.RateWindow, s.o.StaleAfter)
	})
	if signal.Target == 0 {
		asking.Go(func() { signal.Target, targetErr = s.measuredTarget(ctx, fleet) })
	}
	asking.Wait()
	if signal.Err == nil {
		signal.Err = targetErr
	}
	return signal
}

// measuredTarget is a share of the capacity that the replicas measured themselves, on average. One that has not yet says 0.
func (s *Service) measuredTarget(ctx context.Context, fleet scaling.Fleet) (float64, error) {
	capacity, err := s.o.Prometheus.ByPod(ctx, "max by (pod) ("+s.series.capacity+")")
	if err != nil {
		return 0, fmt.Errorf("capacity of the replicas: %w", err)
	}
	sum, n := 0.0, 0
	for _, pod := range fleet.Pods {
		if c := capacity[pod.Name].Value; c > 0 {
			sum, n = sum+c, n+1
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("capacity of the replicas: %w: none of %d pods has measured it", scaling.ErrNoData, len(fleet.Pods))
	}
	return s.o.TargetShare * sum / float64(n), nil
}

// cpu is the CPU that each pod uses, as a share of what it requests.
func (s *Service) cpu(ctx context.Context, fleet scaling.Fleet) scaling.Signal {
	signal := scaling.Signal{Name: signalCPU, Target: s.o.TargetCPU, CPU: true, Window: s.o.CPUWindow}
	used, err := s.rate(ctx, "max", s.series.cpu, s.o.CPUWindow, s.o.StaleCPU)
	if err != nil {
		signal.Err = err
		return signal
	}
	if len(fleet.Pods) > 0 && len(fleet.CPURequests) == 0 {
		signal.Err = fmt.Errorf("%w: no pod requests CPU, so that there is nothing to be a share of; set resources.requests.cpu", scaling.ErrNoData)
		return signal
	}
	signal.Samples = map[string]scaling.Sample{}
	for pod, sample := range used {
		if request := fleet.CPURequests[pod]; request > 0 { // else gone since, or without a request
			signal.Samples[pod] = scaling.Sample{Value: sample.Value / request, At: sample.At}
		}
	}
	return signal
}

// offered is the rate at which requests come in, as all dispatchers together count it.
func (s *Service) offered(ctx context.Context) scaling.Offered {
	arrivals, err := s.rate(ctx, "sum", s.series.arrivals, s.o.RateWindow, s.o.StaleAfter)
	o := scaling.Offered{Err: err}
	for _, sample := range arrivals {
		o.Rate += sample.Value
	}
	return o
}

// rate is how fast a counter grows per second, of several series of a pod their sum or their max.
func (s *Service) rate(ctx context.Context, of, series string, window, limit time.Duration) (map[string]scaling.Sample, error) {
	query := fmt.Sprintf("%s by (pod) (rate(%s[%s]))", of, series, model.Duration(window))
	return s.o.Prometheus.RecentByPod(ctx, query, series, limit)
}
