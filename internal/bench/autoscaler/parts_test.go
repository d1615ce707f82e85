package autoscaler

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/simulate"
)

// part is what is known of a scenario but for ours: it takes most of the time, and stays the same while ours changes.
type part struct {
	Cluster  string // and what of it and the trace the rest is true for
	Requests float64
	Oracle   simulate.Oracle
	Points   map[string]simulate.Result // of peers, by name
	file     string
}

// loadPart reads what an earlier run has left in a folder. A point of it is measured again: if that comes to something else, the simulator
// or the peer has changed, and all is forgotten.
func loadPart(t *testing.T, dir string, s scenario, c simulate.Cluster, trace simulate.Trace) *part {
	t.Helper()
	fresh := &part{Cluster: clusterText(c), Requests: trace.Requests(), Points: map[string]simulate.Result{}}
	if dir == "" {
		return fresh
	}
	fresh.file = filepath.Join(dir, fileName(s))
	data, err := os.ReadFile(fresh.file)
	if errors.Is(err, os.ErrNotExist) {
		return fresh
	}
	if err != nil {
		t.Fatal(err)
	}
	var p part
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatalf("%s: %v", fresh.file, err)
	}
	if p.Cluster != fresh.Cluster || p.Requests != fresh.Requests {
		return fresh
	}
	p.file = fresh.file
	for _, who := range peers() {
		if r, ok := p.Points[who.name]; ok {
			if simulated(t, c, trace, who) != r {
				return fresh
			}
			break
		}
	}
	return &p
}

func clusterText(c simulate.Cluster) string {
	data, _ := json.Marshal(c) // it has numbers only
	return string(data)
}

func fileName(s scenario) string {
	return strings.NewReplacer(" ", "-", "×", "x", ",", "").Replace(s.String()) + ".json"
}

// save leaves it for the next run, whole or not at all.
func (p *part) save(t *testing.T) {
	t.Helper()
	if p.file == "" {
		return
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(p.file+".new", data, 0o644), os.Rename(p.file+".new", p.file)); err != nil {
		t.Fatal(err)
	}
}
