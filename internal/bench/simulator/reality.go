package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// scaling is a change of the number of replicas that was asked for.
type scaling struct {
	At       float64 `json:"at"` // seconds since the autoscaler's first look
	From, To int
	Reason   string `json:",omitempty"`
}

// count is how many replicas there were from a time on.
type count struct {
	At       float64
	Replicas int
}

// reality is what was measured of a run. Times are seconds since the autoscaler's first look.
type reality struct {
	Policy      string
	Run         int // 1, 2, …
	Machine     string
	Started     time.Time
	Latency     time.Duration // the SLO
	CPU         float64       // cores of a replica
	Period      time.Duration // of the kernel's quota
	MaxReplicas int
	DownWindow  time.Duration

	Alone     float64 // requests per second that a replica answered by itself, before the run
	AloneCost float64 // seconds of CPU time that each of them took
	Cost      float64 // the same of each request of the run
	Stated    float64 // requests per second that a replica can answer as the replicas state it, on average over the run
	Begin     float64 // of the load
	End       float64

	Offered  []int // requests by second
	Bad      []int // of them, late ones and failed ones
	Scalings []scaling
	Ready    []count   // that took requests
	Starts   []float64 // seconds that replicas took, from being asked for until they took requests
	Scrape   float64   // seconds after a look of the autoscaler's at which Prometheus scraped the dispatcher
	CPUSeen  float64   // the same of the node, which tells the replicas' CPU
}

func (m reality) write(dir string) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.json", m.Policy, m.Run)), text, 0o644)
}

// filesOf are those of the runs with a policy, however many there are.
func filesOf(dir, policy string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, policy+"-*.json"))
}

func readReality(file string) (m reality, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && !(m.capacity() > 0) {
		err = errors.New("it does not tell what a request cost: measure it anew, without --again")
	}
	if err != nil {
		return m, fmt.Errorf("what was measured, in %s: %w", file, err)
	}
	return m, nil
}

// capacity is how many requests per second a replica could answer in the run. A machine whose cores others use too does not give the same
// for a second of CPU time in one minute as in the next. So of what a replica did by itself before only the CPU time that it came to counts,
// which is nearly its quota, by what a request cost in the run.
func (m reality) capacity() float64 { return m.Alone * m.AloneCost / m.Cost }

// startTimes pairs each replica that was asked for with the next one that got ready.
func startTimes(scalings []scaling, gotReady []float64) (took []float64) {
	i := 0
	for _, s := range scalings {
		for n := s.From; n < s.To && i < len(gotReady); n++ {
			took = append(took, gotReady[i]-s.At)
			i++
		}
	}
	return took
}

// violations is the share of the requests that were late or failed.
func (m reality) violations() float64 {
	offered, bad := 0, 0
	for i := range m.Offered {
		offered, bad = offered+m.Offered[i], bad+m.Bad[i]
	}
	return float64(bad) / float64(offered)
}

// desired is how many replicas were asked for, on average while the load was on.
func (m reality) desired() float64 {
	steps := []count{{Replicas: 1}}
	for _, s := range m.Scalings {
		steps = append(steps, count{At: s.At, Replicas: s.To})
	}
	return m.mean(steps)
}

// ready is how many took requests, likewise.
func (m reality) ready() float64 { return m.mean(m.Ready) }

// mean is that of a number that changed at some times, while the load was on.
func (m reality) mean(steps []count) float64 {
	sum := 0.0
	for i, s := range steps {
		until := m.End
		if i+1 < len(steps) {
			until = min(steps[i+1].At, m.End)
		}
		sum += float64(s.Replicas) * max(0, until-max(s.At, m.Begin))
	}
	return sum / (m.End - m.Begin)
}
