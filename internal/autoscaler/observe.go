package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

// series are what is asked of Prometheus about, each of them by pod.
type series struct {
	requests, ok, pictures, queued, capacity, slots, cpu  string // of the replicas
	arrivals, shed, answered, waiting                     string // of the dispatchers
	desired, leader, start, believed, shownOver, shownAgo string // of autoscalers
	up                                                    string
}

func (o Options) series() series {
	pods := fmt.Sprintf("namespace=%q,pod=~%q", o.Namespace, regexp.QuoteMeta(o.Name)+"-.*")
	return series{
		requests: fmt.Sprintf("inference_requests_total{%s}", pods),
		capacity: fmt.Sprintf("inference_capacity_rps{%s}", pods),
		// Docker as minikube runs it leaves the container label empty (kubernetes/minikube#16742); elsewhere the sum over the pod has
		// an empty one too, and the largest of a pod's series is one of the two.
		cpu:      fmt.Sprintf("container_cpu_usage_seconds_total{%s,container=~%q}", pods, regexp.QuoteMeta(o.Container)+"|"),
		ok:       fmt.Sprintf("inference_requests_total{%s,outcome=\"ok\"}", pods),
		pictures: fmt.Sprintf("inference_images_total{%s}", pods),
		queued:   fmt.Sprintf("inference_queue_length{%s}", pods),
		slots:    fmt.Sprintf("inference_slots{%s}", pods),
		arrivals: fmt.Sprintf("dispatcher_arrivals_total{namespace=%q}", o.Namespace),
		// What more replicas would have answered; not what is too large, or in too much of a hurry.
		shed:      fmt.Sprintf("dispatcher_shed_total{namespace=%q,reason=~\"overload|queue_full|queue_timeout\"}", o.Namespace),
		answered:  fmt.Sprintf("dispatcher_requests_total{namespace=%q,code=\"200\"}", o.Namespace),
		waiting:   fmt.Sprintf("dispatcher_queue_length{namespace=%q}", o.Namespace),
		desired:   fmt.Sprintf("autoscaler_desired_replicas{namespace=%q}", o.Namespace),
		leader:    fmt.Sprintf("autoscaler_leader{namespace=%q}", o.Namespace),
		start:     fmt.Sprintf("autoscaler_signal{namespace=%q,name=%q}", o.Namespace, signalStart),
		believed:  fmt.Sprintf("autoscaler_signal{namespace=%q,name=%q}", o.Namespace, signalBelieved),
		shownOver: fmt.Sprintf("autoscaler_signal{namespace=%q,name=%q}", o.Namespace, signalShownOver),
		shownAgo:  fmt.Sprintf("autoscaler_signal{namespace=%q,name=%q}", o.Namespace, signalShownAgo),
		up:        fmt.Sprintf("up{namespace=%q}", o.Namespace),
	}
}

// sight is what one tick sees of the world.
type sight struct {
	scaling.Observation
	other    string // another autoscaler that works on the same Deployment
	otherErr error  // why it is not known whether there is one
}

// observe asks the cluster and Prometheus for everything at once. Only the Deployment and its pods are needed: what else could not be
// had is part of what is seen.
func (s *Service) observe(ctx context.Context, now time.Time) (sight, error) {
	var seen sight
	var fleet scaling.Fleet
	var err error
	var asking sync.WaitGroup
	asking.Go(func() { fleet, err = s.o.Deployment.Fleet(ctx) })
	asking.Go(func() { seen.other, seen.otherErr = s.o.Deployment.OtherAutoscaler(ctx) })
	var requests, used scaling.Signal
	var said heard
	if s.staffs {
		asking.Go(func() { said = s.listen(ctx, now) })
	} else {
		asking.Go(func() { requests = s.requests(ctx) })
		asking.Go(func() { used = s.cpu(ctx) })
		asking.Go(func() { seen.Offered = s.offered(ctx) })
	}
	asking.Wait()
	if err != nil {
		return sight{}, err
	}
	seen.Replicas, seen.RollingOut, seen.Pods = fleet.Replicas, fleet.RollingOut, fleet.Pods
	if s.staffs {
		s.metrics.errors.WithLabelValues(sourcePrometheus).Add(float64(said.unanswered()))
		seen.Demand = s.demand(said, fleet, now)
		return seen, nil
	}
	seen.Signals = []scaling.Signal{requests, shareOfRequest(used, fleet)}
	return seen, nil
}

// requests is the rate of requests that reach each pod, whatever becomes of them.
func (s *Service) requests(ctx context.Context) scaling.Signal {
	signal := scaling.Signal{Name: signalRequests, Target: s.o.TargetRPS, Window: s.o.RateWindow}
	var targetErr error
	var asking sync.WaitGroup
	asking.Go(func() {
		query := rate("sum", s.series.requests, s.o.RateWindow)
		// A pod's outcomes are scraped together, so that one of them tells how old all are, at a fifth of the work.
		signal.Samples, signal.Err = s.o.Prometheus.FreshByPod(ctx, query, s.series.ok, s.o.StaleAfter)
	})
	if signal.Target == 0 {
		asking.Go(func() { signal.Target, targetErr = s.measuredTarget(ctx) })
	}
	asking.Wait()
	if signal.Err == nil {
		signal.Err = targetErr
	}
	return signal
}

// measuredTarget is a share of the capacity that the replicas measured themselves, on average. One that has not yet says 0.
func (s *Service) measuredTarget(ctx context.Context) (float64, error) {
	capacity, err := s.o.Prometheus.Value(ctx, "avg(max by (pod) ("+s.series.capacity+") > 0)")
	if errors.Is(err, scaling.ErrNoData) {
		return 0, fmt.Errorf("capacity of the replicas: %w: none has measured it", scaling.ErrNoData)
	}
	if err != nil {
		return 0, fmt.Errorf("capacity of the replicas: %w", err)
	}
	return s.o.TargetShare * capacity, nil
}

// cpu is the CPU that each pod uses, in cores.
func (s *Service) cpu(ctx context.Context) scaling.Signal {
	signal := scaling.Signal{Name: signalCPU, Target: s.o.TargetCPU, CPU: true, Window: s.o.CPUWindow}
	signal.Samples, signal.Err = s.o.Prometheus.DatedByPod(ctx, rate("max", s.series.cpu, s.o.CPUWindow), s.series.cpu, s.o.StaleCPU)
	return signal
}

// shareOfRequest makes cores that pods use a share of what they request.
func shareOfRequest(used scaling.Signal, fleet scaling.Fleet) scaling.Signal {
	if used.Err != nil {
		return used
	}
	if len(fleet.Pods) > 0 && len(fleet.CPURequests) == 0 {
		used.Err = fmt.Errorf("%w: no pod requests CPU, so that there is nothing to be a share of; set resources.requests.cpu", scaling.ErrNoData)
		return used
	}
	shares := map[string]scaling.Sample{}
	for pod, sample := range used.Samples {
		if request := fleet.CPURequests[pod]; request > 0 { // else gone since, or without a request
			shares[pod] = scaling.Sample{Value: sample.Value / request, At: sample.At}
		}
	}
	used.Samples = shares
	return used
}

// offered is the rate at which requests come in, as all dispatchers together count it, and that at which they refuse them.
func (s *Service) offered(ctx context.Context) (o scaling.Offered) {
	var asking sync.WaitGroup
	asking.Go(func() { o.Rate, o.Err = s.dispatched(ctx, s.series.arrivals) })
	asking.Go(func() { o.Shed, _ = s.dispatched(ctx, s.series.shed) }) // without it replicas are taken at their word
	asking.Wait()
	return o
}

// dispatched is the rate of a counter of all dispatchers together.
func (s *Service) dispatched(ctx context.Context, series string) (sum float64, err error) {
	byPod, err := s.o.Prometheus.FreshByPod(ctx, rate("sum", series, s.o.RateWindow), series, s.o.StaleAfter)
	for _, sample := range byPod {
		sum += sample.Value
	}
	return sum, err
}

// rate is how fast a counter grows per second, of several series of a pod their sum or their max.
func rate(of, series string, window time.Duration) string {
	return fmt.Sprintf("%s by (pod) (rate(%s[%s]))", of, series, model.Duration(window))
}
