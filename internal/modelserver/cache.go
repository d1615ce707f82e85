package modelserver

import (
	"crypto/sha256"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// cache keeps the logits of the pictures seen last, by model and the sha256 of their files. A nil one keeps nothing and costs nothing.
type cache struct {
	kept         *lru.Cache[cacheKey, []float32]
	hits, misses prometheus.Counter
}

// cacheKey is what an answer is known by: which model's it is, and the picture.
type cacheKey struct {
	model   int
	picture [sha256.Size]byte
}

// entryOverhead is about what an entry takes beside its logits: the key, twice, and the list and map around it.
const entryOverhead = 256

// newCache keeps as many answers of so many classes as fit into so many bytes.
func newCache(bytes int64, classes int, lookups *prometheus.CounterVec) (*cache, error) {
	if bytes == 0 {
		return nil, nil
	}
	kept, err := lru.New[cacheKey, []float32](max(1, int(bytes/(entryOverhead+4*int64(classes)))))
	if err != nil {
		return nil, err
	}
	return &cache{kept: kept, hits: lookups.WithLabelValues("hit"), misses: lookups.WithLabelValues("miss")}, nil
}

// mostClasses is how many logits the largest answer has.
func mostClasses(models []Model) (most int) {
	for _, m := range models {
		most = max(most, len(m.Labels))
	}
	return most
}

// keys are what the answers to the pictures are known by; none where they are tensors, which are not kept.
func (c *cache) keys(m *model, pictures []source) []cacheKey {
	if c == nil {
		return nil
	}
	keys := make([]cacheKey, len(pictures))
	for i, p := range pictures {
		if p.encoded == nil {
			return nil
		}
		keys[i] = cacheKey{m.at, sha256.Sum256(p.encoded)}
	}
	return keys
}

// answered is the logits of all pictures, if every one of them is known.
func (c *cache) answered(keys []cacheKey) ([][]float32, bool) {
	if c == nil {
		return nil, false
	}
	logits := make([][]float32, len(keys))
	known := len(keys) > 0
	for i := 0; known && i < len(keys); i++ {
		logits[i], known = c.kept.Get(keys[i])
	}
	if !known {
		c.misses.Inc()
		return nil, false
	}
	c.hits.Inc()
	return logits, true
}

func (c *cache) keep(keys []cacheKey, logits [][]float32) {
	for i, key := range keys {
		c.kept.Add(key, logits[i])
	}
}
