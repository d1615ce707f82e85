package modelserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"math"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/lifecycle"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/onnx"
	"resnet-autoscaling/internal/process"
	"resnet-autoscaling/internal/testkit"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// open makes a model ready to run until the test ends.
func open(t *testing.T, dir string) (*onnx.Model, *onnx.Session) {
	t.Helper()
	model, err := onnx.LoadModel(dir, "auto")
	if err != nil {
		t.Fatal(err)
	}
	session, err := onnx.Open(testkit.ONNXRuntime(t), model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return model, session
}

// realOptions serve the bundled model with the real ONNX Runtime.
func realOptions(t *testing.T) modelserver.Options {
	t.Helper()
	model, session := open(t, filepath.Join(testkit.Root(t), "models/resnet18-imagenette"))
	stations := make([]modelserver.Station, 2)
	for i := range stations {
		slot, err := session.NewSlot()
		if err != nil {
			t.Fatal(err)
		}
		stations[i].Networks = []modelserver.Network{slot}
	}
	return modelserver.Options{
		Listen: "127.0.0.1:0", Models: []modelserver.Model{{Spec: model.Spec, Labels: model.Labels, Precision: model.Precision}}, Runtime: "onnxruntime",
		Slots: 1, Stations: stations, CPUs: 1, Queue: 4, Timeout: time.Minute, MaxBody: 1 << 20, MaxPixels: 25e6, MaxBatch: 16,
		DrainTimeout: time.Minute, CPUTime: process.CPUTime, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
}

type server struct {
	url    string
	stop   context.CancelCauseFunc
	result chan error
}

// serve runs a model server until the test ends, and waits until it is ready.
func serve(t *testing.T, o modelserver.Options) *server {
	t.Helper()
	service, err := modelserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s := &server{url: "http://" + service.Addr().String(), stop: stop, result: make(chan error, 1)}
	ended := make(chan struct{})
	go func() { defer close(ended); s.result <- service.Run(ctx) }()
	t.Cleanup(func() { stop(lifecycle.ErrInterrupted); <-ended })
	for s.get(t, "/readyz").StatusCode != http.StatusOK {
		if t.Context().Err() != nil {
			t.Fatal("never ready")
		}
	}
	return s
}

func (s *server) get(t *testing.T, path string) *http.Response {
	t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func (s *server) post(t *testing.T, path, contentType string, body io.Reader, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

func (s *server) metric(t *testing.T, line string) string {
	t.Helper()
	resp, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no metric %s", line)
	return ""
}

// ball is a picture with something round on green, so that labels are stable under re-encoding.
func ball() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 320, 280))
	for y := range 280 {
		for x := range 320 {
			c := color.RGBA{40, 120, 50, 255}
			if d := math.Hypot(float64(x-160), float64(y-140)); d < 90 {
				v := uint8(250 - d)
				c = color.RGBA{v, v, v, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func encode(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, img image.Image) []byte {
	return encode(t, func(w io.Writer) error { return jpeg.Encode(w, img, &jpeg.Options{Quality: 95}) })
}

func form(t *testing.T, field string, data []byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "picture.jpg")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestPredict(t *testing.T) {
	t.Run("with Go's decoder", func(t *testing.T) { predicts(t, realOptions(t)) })
	t.Run("with libjpeg-turbo", func(t *testing.T) {
		o := realOptions(t)
		turbo := testkit.TurboJPEG(t)
		for i := range o.Stations {
			decoder, err := turbo.NewDecoder()
			if err != nil {
				t.Fatal(err)
			}
			o.Stations[i].JPEG = decoder
		}
		predicts(t, o)
	})
}

// predicts wants one label from one picture, however it is sent.
func predicts(t *testing.T, o modelserver.Options) {
	s := serve(t, o)
	picture := jpegOf(t, ball())
	formType, formBody := form(t, "file", picture)
	var first api.PredictResponse
	for _, c := range []struct {
		name, contentType string
		body              []byte
	}{
		{"jpeg", "image/jpeg", picture},
		{"octets", "application/octet-stream", picture},
		{"no type", "", picture},
		{"curl's default type", "application/x-www-form-urlencoded", picture},
		{"form", formType, formBody},
		{"png", "image/png", encode(t, func(w io.Writer) error { return png.Encode(w, ball()) })},
		{"bmp", "image/bmp", encode(t, func(w io.Writer) error { return bmp.Encode(w, ball()) })},
		{"tiff", "image/tiff", encode(t, func(w io.Writer) error { return tiff.Encode(w, ball(), nil) })},
		{"gif", "image/gif", encode(t, func(w io.Writer) error { return gif.Encode(w, ball(), nil) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := s.post(t, "/predict", c.contentType, bytes.NewReader(c.body))
			var got api.PredictResponse
			if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if len(got.Predictions) != 5 {
				t.Fatalf("%d predictions, want the default 5", len(got.Predictions))
			}
			if first.Model == "" {
				first = got
			}
			if got.Predictions[0].Label != first.Predictions[0].Label {
				t.Errorf("label %q, but %q as JPEG", got.Predictions[0].Label, first.Predictions[0].Label)
			}
			if resp.Header.Get(api.HeaderImages) != "1" || !strings.Contains(resp.Header.Get("Server-Timing"), "inference;dur=") {
				t.Errorf("headers %v", resp.Header)
			}
			if c, ok := api.CapabilityFrom(resp.Header); !ok || c.Slots != 1 || c.CapacityRPS <= 0 {
				t.Errorf("capability %+v %v", c, ok)
			}
		})
	}
	if got := s.metric(t, `inference_requests_total{outcome="ok"}`); got != "9" {
		t.Errorf("ok requests %s, want 9", got)
	}
}

func TestProbabilitiesAreASoftmaxOverAllClasses(t *testing.T) {
	s := serve(t, realOptions(t))
	_, body := s.post(t, "/predict?top_k=10", "image/jpeg", bytes.NewReader(jpegOf(t, ball())))
	var got api.PredictResponse
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	sum, last := 0.0, math.Inf(1)
	for _, p := range got.Predictions {
		if p.Probability > last {
			t.Errorf("not highest first: %+v", got.Predictions)
		}
		sum, last = sum+p.Probability, p.Probability
	}
	if len(got.Predictions) != 10 || math.Abs(sum-1) > 1e-9 {
		t.Errorf("%d probabilities sum to %v", len(got.Predictions), sum)
	}
}

func TestBadInput(t *testing.T) {
	s := serve(t, realOptions(t))
	good := jpegOf(t, ball())
	formType, formBody := form(t, "file", good)
	otherType, otherForm := form(t, "picture", good)
	for _, c := range []struct {
		name, path, contentType string
		body                    []byte
		headers                 []string
		status                  int
		kind, says              string
	}{
		{"empty body", "/predict", "image/jpeg", nil, nil, 400, "empty-body", "no picture was sent"},
		{"text", "/predict", "image/jpeg", []byte("hello, world"), nil, 400, "not-a-picture", "look like text/plain"},
		{"truncated jpeg", "/predict", "image/jpeg", good[:len(good)/2], nil, 400, "bad-picture", "send the whole file"},
		{"huge png header", "/predict", "image/png", testkit.PNGHeader(60000, 60000), nil, 422, "too-many-pixels", "60000×60000"},
		{"20 MiB", "/predict", "image/jpeg", make([]byte, 20<<20), nil, 413, "too-large", "1 MiB allowed"},
		{"top_k is a word", "/predict?top_k=abc", "image/jpeg", good, nil, 400, "bad-parameter", `top_k is "abc"`},
		{"top_k too large", "/predict?top_k=11", "image/jpeg", good, nil, 400, "bad-parameter", "from 1 to 10"},
		{"top_k empty", "/predict?top_k=", "image/jpeg", good, nil, 400, "bad-parameter", `top_k is ""`},
		{"form without file", "/predict", otherType, otherForm, nil, 400, "no-file", `only ["picture"]`},
		{"form without boundary", "/predict", "multipart/form-data", good, nil, 400, "bad-form", "boundary"},
		{"cut form", "/predict", formType, formBody[:len(formBody)/2], nil, 400, "bad-form", "broken"},
		{"json", "/predict", "application/json", []byte("{}"), nil, 415, "unsupported-type", "application/json"},
		{"unknown path", "/classify", "image/jpeg", good, nil, 404, "not-found", "POST /predict"},
		{"impatient header", "/predict", "image/jpeg", good, []string{api.HeaderTimeout, "soon"}, 400, "bad-parameter", "milliseconds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := s.post(t, c.path, c.contentType, bytes.NewReader(c.body), c.headers...)
			var p api.Problem
			if err := json.Unmarshal(body, &p); err != nil {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
			}
			if resp.StatusCode != c.status || p.Status != c.status || p.Kind() != c.kind || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%d %+v, want %d %s saying %q", resp.StatusCode, p, c.status, c.kind, c.says)
			}
		})
	}
	if got := s.metric(t, `inference_requests_total{outcome="ok"}`); got != "0" {
		t.Errorf("ok requests %s", got)
	}
}

func TestFullQueueIsRefusedAtOnceAndAcceptedRequestsAreAnsweredInADrain(t *testing.T) {
	s, slot := held(t, func(o *modelserver.Options) { o.Queue = 1 })
	picture := jpegOf(t, ball())
	statuses := s.fill(t, slot, "/predict", "image/jpeg", picture)
	if got := s.metric(t, "inference_in_flight"); got != "1" {
		t.Errorf("in flight %s, want 1", got)
	}
	resp, body := s.post(t, "/predict", "image/jpeg", bytes.NewReader(picture))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), "queue-full") {
		t.Errorf("%d %v %s, want a 503 with Retry-After", resp.StatusCode, resp.Header, body)
	}
	if got := s.metric(t, `inference_requests_total{outcome="rejected"}`); got != "1" {
		t.Errorf("rejected %s, want 1", got)
	}

	s.stop(lifecycle.ErrTerminated)
	slot.answerBoth(t, statuses)
	if err := <-s.result; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestARequestThatWouldMissItsDeadlineIsRefusedBeforeInference(t *testing.T) {
	s, slot := held(t, func(*modelserver.Options) {})
	picture := jpegOf(t, ball())
	first := make(chan struct{})
	go func() {
		defer close(first)
		s.post(t, "/predict", "image/jpeg", bytes.NewReader(picture))
	}()
	<-slot.entered // the only slot is taken: the next one waits until its deadline
	resp, body := s.post(t, "/predict", "image/jpeg", bytes.NewReader(picture), api.HeaderTimeout, "50")
	if resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), "50ms") {
		t.Errorf("%d %s, want a 504 that names 50ms", resp.StatusCode, body)
	}
	if got := s.metric(t, `inference_requests_total{outcome="timeout"}`); got != "1" {
		t.Errorf("timeouts %s, want 1", got)
	}
	slot.pass <- struct{}{}
	<-first
}

func TestCache(t *testing.T) {
	ask := func(s *server, img image.Image) string {
		_, body := s.post(t, "/predict", "image/jpeg", bytes.NewReader(jpegOf(t, img)))
		var got api.PredictResponse
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(got.Predictions)
	}
	runs := func(s *server) string { return s.metric(t, `inference_duration_seconds_count{stage="inference"}`) }
	small := ball().(*image.RGBA).SubImage(image.Rect(80, 60, 240, 220))

	o := realOptions(t)
	o.CacheBytes = 1 << 20
	s := serve(t, o)
	first, again, other := ask(s, ball()), ask(s, ball()), ask(s, small)
	if first != again || first == other {
		t.Errorf("%s, the same again %s, another %s", first, again, other)
	}
	if hits, misses := s.metric(t, `inference_cache_lookups_total{result="hit"}`), s.metric(t, `inference_cache_lookups_total{result="miss"}`); hits != "1" || misses != "2" {
		t.Errorf("%s hits, %s misses", hits, misses)
	}
	if n := s.metric(t, "inference_images_total"); n != "3" {
		t.Errorf("%s pictures answered", n)
	}

	without := serve(t, realOptions(t))
	for range 3 {
		ask(without, ball())
	}
	if got := runs(without); got != "3" {
		t.Errorf("without a cache, 3 equal pictures are run %s times", got)
	}
}

func TestOptionsNameTheFlag(t *testing.T) {
	valid := realOptions(t)
	for flag, breakIt := range map[string]func(*modelserver.Options){
		"--queue":         func(o *modelserver.Options) { o.Queue = 0 },
		"--timeout":       func(o *modelserver.Options) { o.Timeout = 0 },
		"--max-body":      func(o *modelserver.Options) { o.MaxBody = 0 },
		"--max-pixels":    func(o *modelserver.Options) { o.MaxPixels = 0 },
		"--cache-mb":      func(o *modelserver.Options) { o.CacheBytes = -1 },
		"--max-batch":     func(o *modelserver.Options) { o.MaxBatch = 0 },
		"--cpu-limit":     func(o *modelserver.Options) { o.CPUs = -1 },
		"--drain-delay":   func(o *modelserver.Options) { o.DrainDelay = -1 },
		"--drain-timeout": func(o *modelserver.Options) { o.DrainTimeout = 0 },
	} {
		o := valid
		breakIt(&o)
		if _, err := modelserver.New(o); err == nil || !strings.Contains(err.Error(), flag+" ") {
			t.Errorf("%s broken: %v", flag, err)
		}
	}
}
