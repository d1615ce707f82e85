// Command model-server serves ResNet18 over HTTP.
package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/jpeg"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/onnx"
	"resnet-autoscaling/internal/process"

	"github.com/prometheus/client_golang/prometheus"
)

var about = command.About{
	Name: "model-server",
	Description: `Classifies pictures with ResNet18 on ONNX Runtime.

Send a picture: curl -F file=@picture.jpg localhost:8000/predict, or as the body with its Content-Type. JPEG, PNG, GIF, BMP, TIFF
and WebP. The answer has the likeliest labels, ?top_k= of them. Clients of the Open Inference Protocol find it under /v2, and
/openapi.json describes all of it. /metrics is for Prometheus, /healthz and /readyz for probes.

It runs as many inferences at once as it has whole cores, lets a few more requests wait, and refuses the rest at once with a 503.
At start it measures how many pictures a second it can do (inference_capacity_rps); until then it is not ready.`,
}

type flags struct {
	command.Common
	Listen         command.Address `default:":8000" help:"Address to serve on."`
	Model          []string        `default:"models/resnet18-imagenette" placeholder:"DIR,…" help:"A model's folder: model.json, labels, ONNX files. Several models, by commas or by the flag again, share the slots: each is at /v2/models/{name}, and the first at /predict. Each has its weights in memory."`
	Precision      string          `default:"auto" enum:"auto,int8,fp32" help:"Which of the model's files to run: auto, int8 or fp32. A model need not have both."`
	OnnxruntimeLib string          `help:"libonnxruntime. Default: .cache/onnxruntime/ (put there by make setup), then the system's." placeholder:"FILE"`
	TurbojpegLib   string          `help:"libturbojpeg, which decodes JPEGs several times as fast as Go. none: do without. Default: the system's, if there is one." placeholder:"FILE"`
	CPULimit       command.CPU     `name:"cpu-limit" help:"The CPU share this server has: 250m, 0.5 or 2. Default: its cgroup's quota, else its CPUs." placeholder:"CPUS"`
	Queue          int             `default:"4" help:"Requests that may wait for each slot."`
	Timeout        time.Duration   `default:"10s" help:"Longest time for a request, once its body is here; a caller may ask for less with X-Request-Timeout-Ms."`
	MaxBody        command.Bytes   `default:"10MiB" help:"Largest request body."`
	MaxPixels      command.Count   `default:"25M" help:"Most pixels of a picture, by its header: fewer where decoding takes more memory, as of TIFFs and with 16 bits a colour."`
	MaxBatch       int             `default:"16" help:"Most pictures of one request on /v2."`
	CacheMB        int             `name:"cache-mb" default:"0" help:"Memory for the answers of pictures that come again, by the sha256 of their file. 0 keeps nothing."`
	DrainDelay     time.Duration   `default:"5s" help:"After SIGTERM, how long to serve on while the endpoints spread."`
	DrainTimeout   time.Duration   `default:"30s" help:"Then, how long accepted requests have to finish."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run serves until ctx ends.
func (f *flags) Run(ctx context.Context, log *slog.Logger) (err error) {
	runtime, err := onnx.FindLibrary(f.OnnxruntimeLib)
	if err != nil {
		return err
	}
	loaded, err := f.load(runtime, log)
	defer func() { err = errors.Join(err, closeAll(loaded)) }()
	if err != nil {
		return err
	}

	cpus := float64(f.CPULimit)
	if cpus == 0 {
		cpus = process.CPUs(os.DirFS("/"))
	}
	turbo, err := f.openJPEG(log)
	if err != nil {
		return err
	}
	if turbo != nil {
		defer turbo.Close()
	}
	slots := max(1, int(math.Floor(cpus)))
	// The part of a core that makes no slot prepares pictures. More stations than cores were measured to gain nothing.
	stations, err := openStations(loaded, turbo, max(1, int(math.Ceil(cpus))))
	if err != nil {
		return err
	}
	leaveRoom(log)
	service, err := modelserver.New(modelserver.Options{
		Listen:       string(f.Listen),
		Models:       served(loaded),
		Runtime:      "onnxruntime-" + onnx.RuntimeVersion(),
		Slots:        slots,
		Stations:     stations,
		CPUs:         cpus,
		Queue:        f.Queue,
		Timeout:      f.Timeout,
		MaxBody:      int64(f.MaxBody),
		MaxPixels:    int(f.MaxPixels),
		MaxBatch:     f.MaxBatch,
		CacheBytes:   int64(f.CacheMB) << 20,
		DrainDelay:   f.DrainDelay,
		DrainTimeout: f.DrainTimeout,
		CPUTime:      process.CPUTime,
		Registry:     prometheus.NewRegistry(),
		Log:          log,
	})
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

// leaveRoom lowers the limit of Go's memory, where GOMEMLIMIT sets one, by what ONNX Runtime and the program hold beside it and a little
// for what they will: the limit of a container is for all of it, and Go would fill it alone before it cleans up.
func leaveRoom(log *slog.Logger) {
	const toCome = 64 << 20
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return
	}
	foreign, err := process.ForeignMemory()
	if err != nil {
		log.Warn("GOMEMLIMIT leaves no room for the memory of ONNX Runtime", "reason", err)
		return
	}
	debug.SetMemoryLimit(max(limit/2, limit-foreign-toCome))
}

// openJPEG opens libjpeg-turbo; nil says that Go's decoder has to do.
func (f *flags) openJPEG(log *slog.Logger) (*jpeg.Library, error) {
	if f.TurbojpegLib == "none" {
		return nil, nil
	}
	library, err := jpeg.Open(f.TurbojpegLib)
	if errors.Is(err, jpeg.ErrNone) {
		log.Warn("JPEGs are decoded by Go, which takes several times as long", "reason", err)
		return nil, nil
	}
	return library, err
}
