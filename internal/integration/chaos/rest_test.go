package chaos_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"resnet-autoscaling/internal/api"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series are a server's metrics at one instant.
type series map[string]*dto.MetricFamily

func (d *dispatcher) metrics() (series, error) {
	resp, err := probe.Get("http://" + d.address + api.PathMetrics)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

// sum adds up the series of a name, or those of them with a value of their one label.
func (s series) sum(name string, value ...string) (sum float64) {
	for _, m := range s[name].GetMetric() {
		if len(value) == 0 || slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == value[0] }) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func (d *dispatcher) status() (s api.DispatcherStatus, err error) {
	resp, err := probe.Get("http://" + d.address + api.PathStatus)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s: %s", api.PathStatus, resp.Status)
	}
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// complaint gathers what is not as it should be.
type complaint []string

func (c *complaint) want(what string, got, want any) {
	if got != want {
		*c = append(*c, fmt.Sprintf("%s is %v, want %v", what, got, want))
	}
}

func (c *complaint) failed(err error) bool {
	if err != nil {
		*c = append(*c, err.Error())
	}
	return err != nil
}

func (c *complaint) String() string { return strings.Join(*c, "; ") }

// knows complains unless a dispatcher has just these replicas, and all of them ready.
func (d *dispatcher) knows(c *complaint, pods []*pod) {
	s, err := d.status()
	if c.failed(err) {
		return
	}
	var want, got []string
	for _, p := range pods {
		want = append(want, fmt.Sprintf("%s %s", p.name, api.ReplicaReady))
	}
	for _, r := range s.Replicas {
		got = append(got, fmt.Sprintf("%s %s", r.Name, r.State))
	}
	slices.Sort(want)
	slices.Sort(got)
	c.want(d.name+": replicas", fmt.Sprint(got), fmt.Sprint(want))
}

// idles complains unless it has no request, and has all credits back.
func (d *dispatcher) idles(c *complaint) {
	s, err := d.status()
	if c.failed(err) {
		return
	}
	for _, r := range s.Replicas {
		c.want(d.name+": in flight at "+r.Name, r.InFlight, 0)
	}
	c.want(d.name+": queue", s.Queue.Length, 0)
	c.want(d.name+": bytes held", s.Queue.HeldBytes, int64(0))
}

// rests complains unless a dispatcher has nothing left of what it did but the counts of it, and these agree.
func (d *dispatcher) rests(c *complaint, pods []*pod) {
	d.knows(c, pods)
	d.idles(c)
	m, err := d.metrics()
	if c.failed(err) {
		return
	}
	arrived := m.sum("dispatcher_arrivals_total")
	for name, value := range map[string]float64{
		"dispatcher_in_flight": 0, "dispatcher_queue_length": 0, "dispatcher_shed_total": 0, "dispatcher_requests_total": arrived,
	} {
		c.want(d.name+": "+name, m.sum(name), value)
	}
	c.want(d.name+": answered with 200", m.sum("dispatcher_requests_total", "200"), arrived)
	// A connection to a replica that is kept is two goroutines, and the probe's may be kept beside the requests'.
	most := d.goroutines + float64(4*len(pods)+8)
	c.want(fmt.Sprintf("%s: %v goroutines (%v before the load) at most %v", d.name, m.sum("go_goroutines"), d.goroutines, most), m.sum("go_goroutines") <= most, true)
}
