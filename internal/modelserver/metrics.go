package modelserver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// outcome is how a request ended, as inference_requests_total counts it.
type outcome string

const (
	outcomeOK       outcome = "ok"
	outcomeInvalid  outcome = "invalid"  // the caller's mistake
	outcomeRejected outcome = "rejected" // the queue was full
	outcomeTimeout  outcome = "timeout"  // the deadline would be missed, or the caller left before it
	outcomeError    outcome = "error"    // ours
)

type stage string

const (
	stageQueue      stage = "queue"
	stageDecode     stage = "decode"
	stagePreprocess stage = "preprocess"
	stageInference  stage = "inference"
	stageTotal      stage = "total"
)

type metrics struct {
	requests *prometheus.CounterVec
	images   prometheus.Counter
	lookups  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	queue    prometheus.Gauge
	slots    prometheus.Gauge
	capacity prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, o Options) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inference_requests_total", Help: "Inference requests by how they ended.",
		}, []string{"outcome"}),
		images: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "inference_images_total", Help: "Pictures that were answered.",
		}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inference_cache_lookups_total", Help: "Requests that the cache knew, or did not; none are counted where it is off.",
		}, []string{"result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "inference_duration_seconds", Help: "Where the time of a request goes.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"stage"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inference_in_flight", Help: "Requests that hold a slot.",
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inference_queue_length", Help: "Admitted requests that wait for a slot.",
		}),
		slots: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inference_slots", Help: "Requests that may be in inference at once.",
		}),
		capacity: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "inference_capacity_rps", Help: "Pictures per second that this server measured itself to manage; 0 before it has.",
		}),
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "model_info", Help: "A model that is served; always 1.",
	}, []string{"name", "version", "precision", "runtime"})
	r.MustRegister(m.requests, m.images, m.lookups, m.duration, m.inFlight, m.queue, m.slots, m.capacity, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	for _, served := range o.Models {
		info.WithLabelValues(served.Spec.Name, served.Spec.Version, served.Precision, o.Runtime).Set(1)
	}
	m.slots.Set(float64(o.Slots))
	for _, oc := range []outcome{outcomeOK, outcomeInvalid, outcomeRejected, outcomeTimeout, outcomeError} {
		m.requests.WithLabelValues(string(oc))
	}
	if o.CacheBytes > 0 {
		m.lookups.WithLabelValues("hit")
		m.lookups.WithLabelValues("miss")
	}
	for _, s := range []stage{stageQueue, stageDecode, stagePreprocess, stageInference, stageTotal} {
		m.duration.WithLabelValues(string(s))
	}
	return m
}

func (m *metrics) observe(s stage, d time.Duration) {
	m.duration.WithLabelValues(string(s)).Observe(d.Seconds())
}
