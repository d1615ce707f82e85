package autoscaler

import (
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

func newMetrics(r *prometheus.Registry) *metrics {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(r)
	m := &metrics{
		desired:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_desired_replicas", Help: "Replicas that the last decision wants."}),
		current:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_current_replicas", Help: "Replicas that the Deployment asked for at the last tick."}),
		leader:    f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_leader", Help: "1 while this autoscaler is the one that acts."}),
		signal:    f.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_signal", Help: "Mean per pod of a signal at the last tick that had it; requests per second, CPU as a share of the request."}, []string{"name"}),
		decisions: f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_decisions_total", Help: "Decisions by direction."}, []string{"direction"}),
		holds:     f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_holds_total", Help: "Ticks at which it held, by reason."}, []string{"reason"}),
		errors:    f.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_poll_errors_total", Help: "Questions that got no answer, by whom they were put to."}, []string{"source"}),
		tick:      f.NewHistogram(prometheus.HistogramOpts{Name: "autoscaler_tick_duration_seconds", Help: "How long a tick takes.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 13)}),
	}
	for _, direction := range []string{"up", "down", "none"} {
		m.decisions.WithLabelValues(direction)
	}
	for _, hold := range scaling.Holds {
		m.holds.WithLabelValues(string(hold))
	}
	for _, source := range []string{sourcePrometheus, sourceKubernetes} {
		m.errors.WithLabelValues(source)
	}
	for _, name := range []string{"requests", "cpu"} {
		m.signal.WithLabelValues(name)
	}
	return m
}

// saw records what the signals said.
func (m *metrics) saw(o scaling.Observation) {
	m.current.Set(float64(o.Replicas))
	for _, s := range o.Signals {
		if s.Err != nil || len(s.Samples) == 0 {
			continue
		}
		sum := 0.0
		for _, sample := range s.Samples {
			sum += sample.Value
		}
		m.signal.WithLabelValues(s.Name).Set(sum / float64(len(s.Samples)))
	}
}

func (m *metrics) decided(d scaling.Decision) {
	m.desired.Set(float64(d.To))
	m.decisions.WithLabelValues(d.Direction()).Inc()
	if d.Hold != scaling.HoldNone {
		m.holds.WithLabelValues(string(d.Hold)).Inc()
	}
}
