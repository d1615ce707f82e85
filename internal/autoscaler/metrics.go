package autoscaler

import (
	"errors"
	"math"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	desired, current, leader prometheus.Gauge
	signal                   *prometheus.GaugeVec
	decisions, holds, errors *prometheus.CounterVec
	tick                     prometheus.Histogram
}

// Sources of observations, as the label of autoscaler_poll_errors_total.
const (
	sourcePrometheus = "prometheus"
	sourceKubernetes = "kubernetes"
)

// Names of signals, as the label of autoscaler_signal.
const (
	signalRequests = "requests"
	signalCPU      = "cpu"
	signalOffered  = "offered"
)

func newMetrics(r *prometheus.Registry, most int) *metrics {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(r)
	m := &metrics{
		desired:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_desired_replicas", Help: "Replicas that the last decision wants."}),
		current:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_current_replicas", Help: "Replicas that the Deployment asked for at the last tick."}),
		leader:    f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_leader", Help: "1 while this autoscaler is the one that acts."}),
		signal:    f.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_signal", Help: "A signal at the last tick, NaN while it is not known: requests per second and CPU as a share of its request, each the mean of the pods; offered: requests per second that come to the dispatchers."}, []string{"name"}),
		decisions: f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_decisions_total", Help: "Decisions by direction."}, []string{"direction"}),
		holds:     f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_holds_total", Help: "Ticks at which it held, by reason."}, []string{"reason"}),
		errors:    f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_poll_errors_total", Help: "Questions that got no answer, by whom they were put to."}, []string{"source"}),
		tick:      f.NewHistogram(prometheus.HistogramOpts{Name: "autoscaler_tick_duration_seconds", Help: "How long a tick takes.", Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}}),
	}
	f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_max_replicas", Help: "Most replicas that it may ask for."}).Set(float64(most))
	for _, direction := range []string{"up", "down", "none"} {
		m.decisions.WithLabelValues(direction)
	}
	for _, hold := range scaling.Holds {
		m.holds.WithLabelValues(string(hold))
	}
	for _, source := range []string{sourcePrometheus, sourceKubernetes} {
		m.errors.WithLabelValues(source)
	}
	for _, name := range []string{signalRequests, signalCPU, signalOffered} {
		m.signal.WithLabelValues(name).Set(math.NaN())
	}
	return m
}

// saw records what the signals said. What is not known is shown as no number, never as the last one.
func (m *metrics) saw(o scaling.Observation) {
	m.current.Set(float64(o.Replicas))
	for _, s := range o.Signals {
		m.heard(s.Name, s.Mean(o.Pods), s.Err)
	}
	m.heard(signalOffered, o.Offered.Rate, o.Offered.Err)
}

func (m *metrics) heard(name string, value float64, err error) {
	if err != nil {
		value = math.NaN()
	}
	m.signal.WithLabelValues(name).Set(value)
	if errors.Is(err, scaling.ErrFailed) {
		m.errors.WithLabelValues(sourcePrometheus).Inc()
	}
}

func (m *metrics) decided(d scaling.Decision) {
	m.desired.Set(float64(d.To))
	m.decisions.WithLabelValues(d.Direction()).Inc()
	if d.Hold != scaling.HoldNone {
		m.holds.WithLabelValues(string(d.Hold)).Inc()
	}
}
