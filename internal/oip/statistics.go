package oip

import (
	"maps"
	"slices"
	"time"
)

// Duration is how often something happened, and for how long in all.
type Duration struct {
	Count       int64 `json:"count"`
	Nanoseconds int64 `json:"ns"`
}

func (d *Duration) add(took time.Duration) {
	d.Count++
	d.Nanoseconds += int64(took)
}

// Lookup is what the cache of answers said to a request.
type Lookup int

// What a cache may say. NotAsked: there is none.
const (
	NotAsked Lookup = iota
	Miss
	Hit
)

// Executed is where the time of an answered request went. On a hit there was nothing but Total.
type Executed struct {
	At                                 time.Time // when it was answered
	Pictures                           int
	Cache                              Lookup
	Total, Queue, Input, Infer, Output time.Duration
}

// Statistics are a model's, in the form that Triton's tools read.
type Statistics struct {
	Name           string              `json:"name"`
	Version        string              `json:"version"`
	LastInference  int64               `json:"last_inference"` // milliseconds since 1970; 0: none yet
	InferenceCount int64               `json:"inference_count"`
	ExecutionCount int64               `json:"execution_count"`
	InferenceStats InferenceStatistics `json:"inference_stats"`
	BatchStats     []BatchStatistics   `json:"batch_stats"`
}

// InferenceStatistics are of requests.
type InferenceStatistics struct {
	Success       Duration `json:"success"`
	Fail          Duration `json:"fail"`
	Queue         Duration `json:"queue"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
	CacheHit      Duration `json:"cache_hit"`
	CacheMiss     Duration `json:"cache_miss"`
}

// BatchStatistics are of the requests with so many pictures.
type BatchStatistics struct {
	BatchSize     int      `json:"batch_size"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
}

// Tally adds up requests. The zero Tally has seen none. One goroutine at a time uses it.
type Tally struct {
	last     time.Time
	pictures int64
	requests InferenceStatistics
	batches  map[int]*BatchStatistics
}

// Fail counts a request that was not answered with logits.
func (t *Tally) Fail(took time.Duration) { t.requests.Fail.add(took) }

// Success counts a request that was.
func (t *Tally) Success(e Executed) {
	t.last = e.At
	t.pictures += int64(e.Pictures)
	r := &t.requests
	r.Success.add(e.Total)
	switch e.Cache {
	case Hit:
		r.CacheHit.add(e.Total)
		return
	case Miss:
		r.CacheMiss.add(e.Total)
	}
	r.Queue.add(e.Queue)
	r.ComputeInput.add(e.Input)
	r.ComputeInfer.add(e.Infer)
	r.ComputeOutput.add(e.Output)
	b := t.batch(e.Pictures)
	b.ComputeInput.add(e.Input)
	b.ComputeInfer.add(e.Infer)
	b.ComputeOutput.add(e.Output)
}

func (t *Tally) batch(size int) *BatchStatistics {
	if t.batches == nil {
		t.batches = map[int]*BatchStatistics{}
	}
	if t.batches[size] == nil {
		t.batches[size] = &BatchStatistics{BatchSize: size}
	}
	return t.batches[size]
}

// Statistics are those of a model that t has counted for.
func (t *Tally) Statistics(name, version string) Statistics {
	s := Statistics{
		Name: name, Version: version, InferenceCount: t.pictures, ExecutionCount: t.requests.ComputeInfer.Count,
		InferenceStats: t.requests, BatchStats: []BatchStatistics{},
	}
	if !t.last.IsZero() {
		s.LastInference = t.last.UnixMilli()
	}
	for _, size := range slices.Sorted(maps.Keys(t.batches)) {
		s.BatchStats = append(s.BatchStats, *t.batches[size])
	}
	return s
}
