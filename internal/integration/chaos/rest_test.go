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

// lists complains unless a dispatcher has just these replicas, in whatever state.
func (d *dispatcher) lists(c *complaint, pods []*pod) (list []api.ReplicaStatus) {
	s, err := d.status()
	if c.failed(err) {
		return nil
	}
	var want, got []string
	for _, p := range pods {
		want = append(want, p.name)
	}
	for _, r := range s.Replicas {
		got = append(got, r.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	c.want(d.name+": replicas", fmt.Sprint(got), fmt.Sprint(want))
	return s.Replicas
}

// knows complains unless it has just these replicas, and all of them ready.
func (d *dispatcher) knows(c *complaint, pods []*pod) {
	for _, r := range d.lists(c, pods) {
		c.want(d.name+": "+r.Name, r.State, api.ReplicaReady)
	}
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

// countsRight complains unless a dispatcher's counts agree, and it has nothing left of what it did but these.
func (d *dispatcher) countsRight(c *complaint, m series, replicas int) {
	arrived := m.sum("dispatcher_arrivals_total")
	for name, value := range map[string]float64{
		"dispatcher_in_flight": 0, "dispatcher_queue_length": 0, "dispatcher_shed_total": 0, "dispatcher_requests_total": arrived,
	} {
		c.want(d.name+": "+name, m.sum(name), value)
	}
	c.want(d.name+": answered with 200", m.sum("dispatcher_requests_total", "200"), arrived)
	// A connection that is kept is two goroutines, and of a replica two may be: a request's, and that of a question between.
	now, most := m.sum("go_goroutines"), d.goroutines+float64(4*replicas+8)
	c.want(fmt.Sprintf("%s: that of its %v goroutines, %v before the load, at most %v are left", d.name, now, d.goroutines, most), now <= most, true)
}
