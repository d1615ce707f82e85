package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"resnet-autoscaling/internal/api"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Vitals is what a server holds.
type Vitals struct {
	Second     float64 `json:"second"` // since the watch began
	RSS        float64 `json:"rss_bytes"`
	Heap       float64 `json:"heap_bytes"` // Go's, in use
	Goroutines float64 `json:"goroutines"`
	Files      float64 `json:"open_files"`
	Threads    float64 `json:"threads"`
	CPUSeconds float64 `json:"cpu_seconds"` // used so far
}

// Or is the most of each that two looks saw; the time is the later one's.
func (v Vitals) Or(w Vitals) Vitals {
	return Vitals{
		Second: max(v.Second, w.Second), RSS: max(v.RSS, w.RSS), Heap: max(v.Heap, w.Heap), Goroutines: max(v.Goroutines, w.Goroutines),
		Files: max(v.Files, w.Files), Threads: max(v.Threads, w.Threads), CPUSeconds: max(v.CPUSeconds, w.CPUSeconds),
	}
}

// heldBy tells whether what comes and goes with clients is no more than it was.
func (v Vitals) heldBy(before Vitals) bool {
	return v.Goroutines <= before.Goroutines && v.Files <= before.Files
}

// watch looks at a server, over one connection that stays.
type watch struct {
	client *http.Client
	url    string
	proc   string
	begin  time.Time

	serverErrors float64 // by the last look
}

func newWatch(url string, pid int) *watch {
	return &watch{
		client: &http.Client{Transport: &http.Transport{}, Timeout: answerTimeout}, url: url,
		proc: filepath.Join("/proc", strconv.Itoa(pid)), begin: time.Now(),
	}
}

func (w *watch) close() { w.client.CloseIdleConnections() }

func (w *watch) look(ctx context.Context) (Vitals, error) {
	families, err := w.metrics(ctx)
	if err != nil {
		return Vitals{}, fmt.Errorf("%s: %w", api.PathMetrics, err)
	}
	w.serverErrors = requestsBy(families, "error")
	v := Vitals{
		Second: time.Since(w.begin).Seconds(), Heap: valueOf(families, "go_memstats_heap_inuse_bytes"),
		Goroutines: valueOf(families, "go_goroutines"), CPUSeconds: valueOf(families, "process_cpu_seconds_total"),
	}
	if err := v.read(w.proc); err != nil {
		return v, err
	}
	if v.Goroutines == 0 || v.RSS == 0 {
		return v, errors.New("the server tells nothing of its goroutines or memory")
	}
	return v, nil
}

// read takes in what the kernel tells of a process, by its folder of /proc.
func (v *Vitals) read(proc string) error {
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return err
	}
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return err
	}
	v.Files, v.Threads, v.RSS = float64(len(files)), statusField(status, "Threads:"), statusField(status, "VmRSS:")*(1<<10)
	return nil
}

func (w *watch) metrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+api.PathMetrics, nil)
	if err != nil {
		return nil, err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(answer.Body)
}

// valueOf is a gauge or counter without labels; 0 where it is not there.
func valueOf(families map[string]*dto.MetricFamily, name string) float64 {
	for _, m := range families[name].GetMetric() {
		return m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return 0
}

func requestsBy(families map[string]*dto.MetricFamily, outcome string) (sum float64) {
	for _, m := range families["inference_requests_total"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "outcome" && label.GetValue() == outcome {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// statusField is a number of /proc/PID/status; 0 where it is not there.
func statusField(status []byte, name string) float64 {
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			value, _ := strconv.ParseFloat(fields[1], 64) // the kernel writes numbers
			return value
		}
	}
	return 0
}
