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
	signal, warning          *prometheus.GaugeVec
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
	signalRequests  = "requests"
	signalCPU       = "cpu"
	signalOffered   = "offered"
	signalForecast  = "forecast"
	signalStaffed   = "staffed"
	signalCapacity  = "capacity"
	signalBelieved  = "believed"
	signalShownOver = "shown_seconds"
	signalShownAgo  = "shown_ago_seconds"
	signalWaiting   = "waiting"
	signalStart     = "start_seconds"
)

var signals = []string{signalRequests, signalCPU, signalOffered, signalForecast, signalStaffed, signalCapacity, signalBelieved, signalShownOver, signalShownAgo, signalWaiting, signalStart}

const signalHelp = "What the last tick saw, NaN while it is not known or not looked at. By policy target: requests (per second) and cpu (as a share of its request), " +
	"each the mean of the pods. By policy slo: forecast and staffed, requests per second expected when new replicas will be up, and with what is added for safety; " +
	"capacity, those that all ready replicas can answer; believed, the share of what they state that they are believed to do; shown_seconds, over how long they have shown to do less, and shown_ago_seconds, when they last did; waiting requests; start_seconds, that a pod takes. By both: offered, requests per second that come in."

func newMetrics(r *prometheus.Registry, most int) *metrics {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(r)
	m := &metrics{
		desired:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_desired_replicas", Help: "Replicas that the last decision wants."}),
		current:   f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_current_replicas", Help: "Replicas that the Deployment asked for at the last tick."}),
		leader:    f.NewGauge(prometheus.GaugeOpts{Name: "autoscaler_leader", Help: "1 while this autoscaler is the one that acts."}),
		signal:    f.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_signal", Help: signalHelp}, []string{"name"}),
		warning:   f.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_warning", Help: "1 while there is something that a person has to mend: the load takes more than the most replicas, no number of them keeps the SLO, what is shed is not seen, or replicas do far less than they state."}, []string{"reason"}),
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
	for _, warning := range scaling.Warnings {
		m.warning.WithLabelValues(string(warning))
	}
	for _, name := range signals {
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
	if len(o.Signals) > 0 {
		m.heard(signalOffered, o.Offered.Rate, o.Offered.Err)
		return
	}
	offered, start := math.NaN(), math.NaN()
	if n := len(o.Demand.Rates); n > 0 && o.Demand.Err == nil {
		offered = o.Demand.Rates[n-1]
	}
	if o.Demand.StartTime > 0 {
		start = o.Demand.StartTime.Seconds()
	}
	m.heard(signalOffered, offered, nil)
	m.heard(signalStart, start, nil)
	m.heard(signalWaiting, o.Demand.Waiting, nil)
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
	forecast, staffed, capacity, believed, over, ago := math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
	if r := d.Reckoning; r != nil {
		forecast, staffed, capacity = r.Forecast, r.StaffFor, r.Capacity*float64(r.Ready)
	}
	if d.Believed > 0 { // also while it holds: who takes over then asks for it
		believed = d.Believed
	}
	if !d.Shown.At.IsZero() {
		over, ago = d.Shown.Over.Seconds(), d.At.Sub(d.Shown.At).Seconds()
	}
	m.signal.WithLabelValues(signalForecast).Set(forecast)
	m.signal.WithLabelValues(signalStaffed).Set(staffed)
	m.signal.WithLabelValues(signalCapacity).Set(capacity)
	m.signal.WithLabelValues(signalBelieved).Set(believed)
	m.signal.WithLabelValues(signalShownOver).Set(over)
	m.signal.WithLabelValues(signalShownAgo).Set(ago)
}

func (m *metrics) warns(w scaling.Warning, on bool) {
	value := 0.0
	if on {
		value = 1
	}
	m.warning.WithLabelValues(string(w)).Set(value)
}
