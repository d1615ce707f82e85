package dispatcher

import (
	"net/http"
	"sync"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/httpserve"
)

// wanted is the model that a request names; the zero value names none, and every replica will do.
type wanted struct{ name, version string }

// wantedBy is what a request of the Open Inference Protocol names.
func wantedBy(r *http.Request) wanted {
	return wanted{name: httpserve.Parameter(r, "name"), version: httpserve.Parameter(r, "version")}
}

// catalogue is which models each replica says that it serves: during a roll-out not all have the same. Its methods may be called from any
// goroutine.
type catalogue struct {
	mu   sync.Mutex
	told map[string]api.Models // by the replica's name; one of before the header does not tell
}

func newCatalogue() *catalogue { return &catalogue{told: map[string]api.Models{}} }

// learn takes in what a replica says.
func (c *catalogue) learn(replica string, h http.Header) {
	models, ok := api.ModelsFrom(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		delete(c.told, replica)
		return
	}
	c.told[replica] = models
}

// keep forgets all replicas but these.
func (c *catalogue) keep(endpoints []balance.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := make(map[string]api.Models, len(endpoints))
	for _, e := range endpoints {
		if models, ok := c.told[e.Name]; ok {
			kept[e.Name] = models
		}
	}
	c.told = kept
}

// without are the replicas that say that they have not what is wanted.
func (c *catalogue) without(w wanted) map[string]bool {
	if w.name == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var without map[string]bool
	for replica, models := range c.told {
		if models.Has(w.name, w.version) {
			continue
		}
		if without == nil {
			without = map[string]bool{}
		}
		without[replica] = true
	}
	return without
}

// having are those of some replicas that have what is wanted, or do not say; all, where none has it: then it is theirs to say so.
func (c *catalogue) having(w wanted, replicas []balance.Status) []balance.Status {
	without := c.without(w)
	var having []balance.Status
	for _, r := range replicas {
		if !without[r.Name] {
			having = append(having, r)
		}
	}
	if len(having) == 0 {
		return replicas
	}
	return having
}
