package dispatcher

import (
	"strconv"
	"time"

	"resnet-autoscaling/internal/balance"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Why a request was tried again elsewhere.
const (
	retryConnect    = "connect"    // no connection to the replica
	retryBroken     = "broken"     // the connection ended before the answer began
	retryOverloaded = "overloaded" // the replica said 503
	retryModel      = "model"      // the replica has not the model that was asked for
	retrySlow       = "slow"       // no answer within the attempt's time-out
)

// Why a request was shed.
const (
	shedQueueFull    = "queue_full"
	shedOverload     = "overload" // it would have waited for longer than it may
	shedQueueTimeout = "queue_timeout"
	shedMemory       = "memory"
	shedDeadline     = "deadline"
	shedRateLimit    = "rate_limit" // no arrival, as the others are
)

// codeGone stands for the answer to a caller that left: there is none.
const codeGone = 499

type metrics struct {
	arrivals  prometheus.Counter
	requests  *prometheus.CounterVec
	duration  prometheus.Histogram
	queueWait prometheus.Histogram
	inFlight  prometheus.Gauge
	retries   *prometheus.CounterVec
	shed      *prometheus.CounterVec

	unauthorized *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, q *queue, d *disputes) *metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		arrivals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dispatcher_arrivals_total", Help: "Inference requests offered, also those that were shed; not those without a key or beyond a client's rate, which no replica more would help.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dispatcher_requests_total", Help: "Inference requests by the status that they were answered with; 499: the caller left.",
		}, []string{"code"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "dispatcher_request_duration_seconds", Help: "From a request's arrival to the end of its answer.", Buckets: buckets,
		}),
		queueWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "dispatcher_queue_wait_seconds", Help: "How long requests waited for a credit.", Buckets: buckets,
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "dispatcher_in_flight", Help: "Requests that are at a replica.",
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dispatcher_retries_total", Help: "Requests tried again at another replica, by why.",
		}, []string{"reason"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dispatcher_shed_total", Help: "Requests that no replica was asked for, by why; those of the reason rate_limit are no arrivals.",
		}, []string{"reason"}),
		unauthorized: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dispatcher_unauthorized_total", Help: "Requests that were not let in, by what was wrong with their API key.",
		}, []string{"reason"}),
	}
	length := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dispatcher_queue_length", Help: "Requests that wait for a credit.",
	}, func() float64 { return float64(q.status().length) })
	disputed := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dispatcher_replicas_disputed", Help: "Replicas that serve by their own word: most were said not to be ready any more, and these say that they are.",
	}, func() float64 { return float64(len(d.serving())) })
	r.MustRegister(m.arrivals, m.requests, m.duration, m.queueWait, m.inFlight, m.retries, m.shed, m.unauthorized, length, disputed, replicaCollector{q},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, code := range []int{200, 400, 413, 502, 503, 504, codeGone} {
		m.requests.WithLabelValues(strconv.Itoa(code))
	}
	for _, reason := range []string{retryConnect, retryBroken, retryOverloaded, retrySlow, retryModel} {
		m.retries.WithLabelValues(reason)
	}
	for _, reason := range []string{shedQueueFull, shedOverload, shedQueueTimeout, shedMemory, shedDeadline, shedRateLimit} {
		m.shed.WithLabelValues(reason)
	}
	for _, reason := range []string{unauthorizedMissing, unauthorizedMalformed, unauthorizedUnknown} {
		m.unauthorized.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) answered(code int, took time.Duration) {
	m.requests.WithLabelValues(strconv.Itoa(code)).Inc()
	m.duration.Observe(took.Seconds())
}

// replicaCollector counts the replicas at each scrape, so that the states always sum to what there is.
type replicaCollector struct{ queue *queue }

var replicasDesc = prometheus.NewDesc("dispatcher_replicas", "Replicas by state.", []string{"state"}, nil)

func (c replicaCollector) Describe(ch chan<- *prometheus.Desc) { ch <- replicasDesc }

func (c replicaCollector) Collect(ch chan<- prometheus.Metric) {
	counts := map[balance.State]int{balance.Connecting: 0, balance.Ready: 0, balance.Ejected: 0, balance.Draining: 0}
	for _, r := range c.queue.status().replicas {
		counts[r.State]++
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(replicasDesc, prometheus.GaugeValue, float64(n), string(state))
	}
}
