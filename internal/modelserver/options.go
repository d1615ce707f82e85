// Package modelserver is the model server: pictures in, ranked labels out, with as many inferences at once as it has cores, a
// bounded queue before them, a deadline on every request, and a measured capacity.
package modelserver

import (
	"errors"
	"log/slog"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"

	"github.com/prometheus/client_golang/prometheus"
)

// Network is one picture's input tensor and the run over it. One goroutine at a time uses it.
type Network interface {
	Input() []float32
	// Run answers with logits that are valid until the next run.
	Run() (logits []float32, err error)
}

// JPEG decodes JPEGs fast. One goroutine at a time uses it.
type JPEG interface {
	// Decode writes a JPEG of at most maxPixels pixels into pixels, scaled down as far as that is cheaper and both sides stay at least
	// least pixels. An error is a *picture.TooLargeError, wraps picture.ErrCorrupt, or says that another decoder has to look
	// at it.
	Decode(data []byte, least, maxPixels int, pixels *picture.Pixels) error
}

// Station is what one picture needs on its way from bytes to logits.
type Station struct {
	Networks []Network // one for each of the models, in their order
	JPEG     JPEG      // nil: Go's decoder
}

// Model is a model that is served.
type Model struct {
	Spec      resnet.Spec
	Labels    []resnet.Label
	Precision string
}

// Options are the settings of a Service. All are required but CacheBytes.
type Options struct {
	Listen  string
	Models  []Model // the first is that of POST /predict; they share the slots
	Runtime string  // name and version of what runs them
	Slots   int     // as many pictures as this are in inference at once
	// Stations are more than Slots where the next pictures are to be prepared meanwhile.
	Stations     []Station
	CPUs         float64 // the CPU quota, in cores: what the measured capacity is for
	Queue        int     // requests that may wait for each slot
	Timeout      time.Duration
	MaxBody      int64 // bytes
	MaxPixels    int
	MaxBatch     int   // pictures of one request
	CacheBytes   int64 // of answers that are kept for pictures that come again; 0: none is
	DrainDelay   time.Duration
	DrainTimeout time.Duration
	// CPUTime is the CPU time that this process has used so far.
	CPUTime  func() time.Duration
	Registry *prometheus.Registry
	Log      *slog.Logger
}

func (o Options) validate() error {
	return errors.Join(
		command.Check(o.Queue >= 1, "--queue", o.Queue, "must be at least 1 for each slot"),
		command.Check(o.Timeout > 0, "--timeout", o.Timeout, "must be above 0"),
		command.Check(o.MaxBody >= 1, "--max-body", o.MaxBody, "must be at least 1 byte"),
		command.Check(o.MaxPixels >= 1, "--max-pixels", o.MaxPixels, "must be at least 1"),
		command.Check(o.MaxBatch >= 1 && o.MaxBatch <= 4096, "--max-batch", o.MaxBatch, "must be from 1 to 4096"),
		command.Check(o.CacheBytes >= 0, "--cache-mb", o.CacheBytes>>20, "must not be negative; 0 keeps nothing"),
		command.Check(o.CPUs > 0, "--cpu-limit", o.CPUs, "must be above 0"),
		command.Check(o.DrainDelay >= 0, "--drain-delay", o.DrainDelay, "must not be negative"),
		command.Check(o.DrainTimeout > 0, "--drain-timeout", o.DrainTimeout, "must be above 0"),
	)
}
