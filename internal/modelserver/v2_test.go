package modelserver_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/lifecycle"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

const (
	infer      = "/v2/models/resnet18/infer"
	jsonLength = "Inference-Header-Content-Length"
)

// kindJSON and kindBinary are the headers of a request in JSON, and of one with tensors behind it.
var kindJSON = []string{"Content-Type", "application/json"}

func kindBinary(length int) []string {
	return []string{"Content-Type", "application/octet-stream", jsonLength, strconv.Itoa(length)}
}

// v2 serves the bundled model, with the largest body that a server takes by default.
func v2(t *testing.T, change ...func(*modelserver.Options)) *described {
	t.Helper()
	o := realOptions(t)
	o.MaxBody = 10 << 20
	for _, c := range change {
		c(&o)
	}
	return describe(t, serve(t, o))
}

// ofImages is a request with encoded pictures in JSON, and ofFiles one with the same behind it. more is put before the inputs.
func ofImages(more string, pictures ...[]byte) []byte {
	texts := make([]string, len(pictures))
	for i, p := range pictures {
		texts[i] = strconv.Quote(base64.StdEncoding.EncodeToString(p))
	}
	return fmt.Appendf(nil, `{%s"inputs":[{"name":"image","shape":[%d],"datatype":"BYTES","data":[%s]}]}`, more, len(pictures), strings.Join(texts, ","))
}

func ofFiles(more string, pictures ...[]byte) (head, body []byte) {
	var tensor []byte
	for _, p := range pictures {
		tensor = append(binary.LittleEndian.AppendUint32(tensor, uint32(len(p))), p...)
	}
	head = fmt.Appendf(nil, `{%s"inputs":[{"name":"image","shape":[%d],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]}`, more, len(pictures), len(tensor))
	return head, append(slices.Clone(head), tensor...)
}

// ofTensors is a request with n prepared pictures, which need not look like anything.
func ofTensors(n int) (head, body []byte) {
	var tensor []byte
	for i := range n * 3 * 224 * 224 {
		tensor = binary.LittleEndian.AppendUint32(tensor, math.Float32bits(float32(i%97)/50-1))
	}
	head = fmt.Appendf(nil, `{"inputs":[{"name":"input","shape":[%d,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, n, len(tensor))
	return head, append(slices.Clone(head), tensor...)
}

type answerV2 struct {
	Model   string `json:"model_name"`
	Version string `json:"model_version"`
	ID      string
	Outputs []struct {
		Name, Datatype string
		Shape          []int
		Parameters     map[string]int
		Data           []any
	}
}

func (d *described) infer(t *testing.T, body []byte, headers ...string) (*http.Response, answerV2, []byte) {
	t.Helper()
	resp, got := d.Do(t, "POST", infer, body, headers...)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	head := got
	if length := resp.Header.Get(jsonLength); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n > len(got) {
			t.Fatalf("%s is %q of %d bytes", jsonLength, length, len(got))
		}
		head = got[:n]
	}
	var a answerV2
	if err := json.Unmarshal(head, &a); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	return resp, a, got[len(head):]
}

func TestV2Describes(t *testing.T) {
	d := v2(t)
	for _, c := range []struct {
		path string
		want string // whole, or a part of it
	}{
		{"/v2", `"extensions":["binary_tensor_data","classification","model_configuration","statistics"]}`},
		{"/v2/", `"name":"resnet-autoscaling model-server"`},
		{"/v2/health/live", `{"live":true}`},
		{"/v2/health/ready", `{"ready":true}`},
		{"/v2/models/resnet18", `"inputs":[{"name":"input","datatype":"FP32","shape":[-1,3,224,224]},{"name":"image","datatype":"BYTES","shape":[-1,1]}],"outputs":[{"name":"logits","datatype":"FP32","shape":[-1,10]}]}`},
		{"/v2/models/resnet18/versions/1", `"versions":["1"],"platform":"onnxruntime_onnx"`},
		{"/v2/models/resnet18/ready", `{"name":"resnet18","ready":true}`},
		{"/v2/models/resnet18/versions/1/ready", `{"name":"resnet18","ready":true}`},
		{"/v2/models/resnet%318/ready", `{"name":"resnet18","ready":true}`},
		{"/v2/models/resnet18/config", `"max_batch_size":16,"input":[{"name":"input","data_type":"TYPE_FP32"`},
		{"/v2/models/resnet18/versions/1/config", `"instance_group":[{"name":"resnet18","kind":"KIND_CPU","count":1}]`},
		{"/v2/models/resnet18/stats", `{"model_stats":[{"name":"resnet18","version":"1","last_inference":0,"inference_count":0`},
		{"/v2/models/resnet18/versions/1/stats", `"batch_stats":[]`},
		{"/v2/models/stats", `{"model_stats":[{"name":"resnet18"`},
	} {
		resp, body := d.Do(t, "GET", c.path, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %d %s, want %s", c.path, resp.StatusCode, body, c.want)
		}
	}
}

// One picture, in each way that the protocol has to send it, gives the same logits, and /predict's label has the largest.
func TestV2InfersTheSameInEveryForm(t *testing.T) {
	d := v2(t)
	picture := jpegOf(t, ball())
	head, body := ofFiles("", picture)
	fileHead, file := ofFiles(`"parameters":{"binary_data_output":true},`, picture)
	_, predicted := d.Do(t, "POST", "/predict?top_k=1", picture, "Content-Type", "image/jpeg")
	var want api.PredictResponse
	if err := json.Unmarshal(predicted, &want); err != nil {
		t.Fatal(err)
	}
	var first []float32
	for _, c := range []struct {
		name    string
		body    []byte
		headers []string
		binary  bool
	}{
		{"base64", ofImages("", picture), kindJSON, false},
		{"file behind the JSON", body, kindBinary(len(head)), false},
		{"file, binary output", file, kindBinary(len(fileHead)), true},
		{"file alone", picture, kindBinary(0), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, a, tensor := d.infer(t, c.body, c.headers...)
			if a.Model != "resnet18" || a.Version != "1" || len(a.Outputs) != 1 || !slices.Equal(a.Outputs[0].Shape, []int{1, 10}) {
				t.Fatalf("%+v", a)
			}
			logits := make([]float32, 10)
			if c.binary {
				if err := binary.Read(bytes.NewReader(tensor), binary.LittleEndian, logits); err != nil || len(tensor) != 40 {
					t.Fatalf("%d bytes of tensor: %v", len(tensor), err)
				}
			} else {
				for i, v := range a.Outputs[0].Data {
					logits[i] = float32(v.(float64))
				}
			}
			if first == nil {
				first = logits
			}
			if !slices.Equal(logits, first) {
				t.Errorf("logits %v, want %v", logits, first)
			}
			if class := slices.Index(logits, slices.Max(logits)); class != want.Predictions[0].ClassID {
				t.Errorf("class %d, and /predict says %d", class, want.Predictions[0].ClassID)
			}
			if resp.Header.Get(api.HeaderImages) != "1" || !strings.Contains(resp.Header.Get("Server-Timing"), "inference;dur=") {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
}

// A batch is one request of many pictures, whose rows are those that each picture gets alone.
func TestV2Batch(t *testing.T) {
	d := v2(t)
	half := image.Rect(0, 0, 160, 140)
	one, two := jpegOf(t, ball()), encode(t, func(w io.Writer) error { return png.Encode(w, ball().(*image.RGBA).SubImage(half)) })
	_, alone, _ := d.infer(t, ofImages("", one), kindJSON...)
	_, other, _ := d.infer(t, ofImages("", two), kindJSON...)
	resp, both, _ := d.infer(t, ofImages(`"id":"both",`, one, two), kindJSON...)
	if diff := cmp.Diff(append(alone.Outputs[0].Data, other.Outputs[0].Data...), both.Outputs[0].Data); diff != "" {
		t.Error(diff)
	}
	if resp.Header.Get(api.HeaderImages) != "2" || both.ID != "both" || !slices.Equal(both.Outputs[0].Shape, []int{2, 10}) {
		t.Errorf("headers %v, id %q, shape %v", resp.Header, both.ID, both.Outputs[0].Shape)
	}
	for metric, want := range map[string]string{`inference_requests_total{outcome="ok"}`: "3", "inference_images_total": "4"} {
		if got := d.metric(t, metric); got != want {
			t.Errorf("%s is %s, want %s", metric, got, want)
		}
	}
	_, stats := d.Do(t, "GET", "/v2/models/stats", nil)
	for _, want := range []string{`"inference_count":4,"execution_count":3`, `"success":{"count":3,`, `"fail":{"count":0,"ns":0}`, `{"batch_size":1,"compute_input":{"count":2`, `{"batch_size":2,`} {
		if !strings.Contains(string(stats), want) {
			t.Errorf("%s\nhas no %s", stats, want)
		}
	}
}

// Sixteen prepared pictures, binary, are within the limit of a body by default.
func TestV2TakesSixteenTensors(t *testing.T) {
	d := v2(t)
	head, body := ofTensors(16)
	resp, a, _ := d.infer(t, body, kindBinary(len(head))...)
	if !slices.Equal(a.Outputs[0].Shape, []int{16, 10}) || resp.Header.Get(api.HeaderImages) != "16" {
		t.Errorf("shape %v, headers %v", a.Outputs[0].Shape, resp.Header)
	}
	if len(a.Outputs[0].Data) != 160 {
		t.Errorf("%d logits", len(a.Outputs[0].Data))
	}
}

func TestV2Refuses(t *testing.T) {
	d := v2(t, func(o *modelserver.Options) { o.MaxBody = 4 << 20 })
	good := jpegOf(t, ball())
	head, body := ofTensors(1)
	large, largeBody := ofTensors(8)
	noPicture, noPictureBody := ofFiles("", []byte("hello"))
	for _, c := range []struct {
		name, method, path string
		body               []byte
		headers            []string
		status             int
		says               string
	}{
		{"unknown path", "GET", "/v2/model", nil, nil, 404, "POST /v2/models/resnet18/infer"},
		{"unknown model", "GET", "/v2/models/resnet50", nil, nil, 404, "no model resnet50 here, only resnet18 version 1"},
		{"unknown version", "GET", "/v2/models/resnet18/versions/2/config", nil, nil, 404, "no model resnet18 version 2"},
		{"unknown model, ready", "GET", "/v2/models/resnet50/ready", nil, nil, 404, "resnet50"},
		{"unknown model, infer", "POST", "/v2/models/resnet50/infer", ofImages("", good), kindJSON, 404, "resnet50"},
		{"unknown version, infer", "POST", "/v2/models/resnet18/versions/x/infer", ofImages("", good), kindJSON, 404, "version x"},
		{"extension", "POST", "/v2/repository/index", nil, nil, 501, "belongs to an extension that is not supported"},
		{"generate", "POST", "/v2/models/resnet18/generate", nil, nil, 501, "extension"},
		{"verb", "PUT", infer, nil, nil, 405, infer + " takes POST, not PUT"},
		{"verb of a version", "GET", "/v2/models/resnet18/versions/1/infer", nil, nil, 405, "takes POST, not GET"},
		{"verb of the server", "POST", "/v2", nil, nil, 405, "/v2 takes GET, not POST"},

		{"empty", "POST", infer, nil, kindJSON, 400, "body is empty"},
		{"no JSON", "POST", infer, good, kindJSON, 400, "broken at byte 0"},
		{"header", "POST", infer, body, []string{jsonLength, "-1"}, 400, `Inference-Header-Content-Length is "-1"`},
		{"header beyond the body", "POST", infer, body, []string{jsonLength, "999999999"}, 400, "the body has only"},
		{"two headers", "POST", infer, body, []string{jsonLength, "1", jsonLength, "2"}, 400, `is "1, 2"`},
		{"shape", "POST", infer, bytes.Replace(body, []byte("[1,3,224,224]"), []byte("[1,3,224,223]"), 1), kindBinary(len(head)), 400, "must be [n,3,224,224]"},
		{"batch", "POST", infer, ofImages("", slices.Repeat([][]byte{good}, 17)...), kindJSON, 400, "more than 16"},
		{"no picture", "POST", infer, ofImages("", []byte("hello")), kindJSON, 400, "picture 1 of 1 has 5 bytes that look like text/plain; charset=utf-8, and is not a JPEG"},
		{"no picture in a file", "POST", infer, noPictureBody, kindBinary(len(noPicture)), 400, "5 bytes that look like text/plain"},
		{"no picture alone", "POST", infer, []byte("hello"), kindBinary(0), 400, "5 bytes that look like text/plain"},
		{"one of two is no picture", "POST", infer, ofImages("", good, []byte("hello")), kindJSON, 400, "picture 2 of 2 has 5 bytes"},
		{"cut picture", "POST", infer, good[:len(good)/2], kindBinary(0), 400, "is damaged or cut short"},
		{"pixels", "POST", infer, ofImages("", testkit.PNGHeader(60000, 60000)), kindJSON, 422, "60000×60000"},
		{"shared memory", "POST", infer, []byte(`{"inputs":[{"name":"input","shape":[1,3,224,224],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]}`), kindJSON, 501, "shared memory"},
		{"too large", "POST", infer, largeBody, kindBinary(len(large)), 413, "larger than the 4MiB allowed: send fewer pictures, and tensors as binary data"},
		{"coding", "POST", infer, body, append(kindBinary(len(head)), "Content-Encoding", "br"), 415, `Content-Encoding is "br": send gzip, deflate or none`},
		{"two codings", "POST", infer, body, append(kindBinary(len(head)), "Content-Encoding", "gzip, gzip"), 415, "gzip, gzip"},
		{"no gzip", "POST", infer, body, append(kindBinary(len(head)), "Content-Encoding", "gzip"), 400, "Content-Encoding is gzip, and the body is not"},
		{"cut gzip", "POST", infer, gzipped(t, body)[:1000], append(kindBinary(len(head)), "Content-Encoding", "gzip"), 400, "unexpected EOF"},
		{"no deflate", "POST", infer, []byte{0xff, 0xff, 0xff}, append(kindBinary(len(head)), "Content-Encoding", "deflate"), 400, "Content-Encoding is deflate"},
		{"bomb", "POST", infer, gzipped(t, make([]byte, 5<<20)), append(kindBinary(0), "Content-Encoding", "gzip"), 413, "inflates to more than the 4MiB allowed"},
		{"impatient header", "POST", infer, ofImages("", good), append(kindJSON, api.HeaderTimeout, "soon"), 400, "milliseconds"},
		{"impatient", "POST", infer, ofImages("", good), append(kindJSON, api.HeaderTimeout, "1"), 504, "within 1ms"},
		{"impatient parameter", "POST", infer, ofImages(`"parameters":{"timeout":1000},`, good), kindJSON, 504, "within 1ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := d.Do(t, c.method, c.path, c.body, c.headers...)
			var got map[string]string
			if err := json.Unmarshal(body, &got); err != nil || len(got) != 1 || resp.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %v %s: %v", resp.StatusCode, resp.Header, body, err)
			}
			if resp.StatusCode != c.status || !strings.Contains(got["error"], c.says) {
				t.Errorf("%d %s, want %d saying %q", resp.StatusCode, body, c.status, c.says)
			}
			if c.status == http.StatusMethodNotAllowed && !strings.Contains(c.says, "takes "+resp.Header.Get("Allow")+",") {
				t.Errorf("Allow %q", resp.Header.Get("Allow"))
			}
			if c.status == http.StatusUnsupportedMediaType && resp.Header.Get("Accept-Encoding") != "gzip, deflate" {
				t.Errorf("Accept-Encoding %q", resp.Header.Get("Accept-Encoding"))
			}
		})
	}
	if got := d.metric(t, `inference_requests_total{outcome="timeout"}`); got != "2" {
		t.Errorf("timeouts %s, want 2", got)
	}
	if got := d.metric(t, `inference_requests_total{outcome="ok"}`); got != "0" {
		t.Errorf("ok requests %s, want 0", got)
	}
	if got := d.metric(t, `inference_requests_total{outcome="error"}`); got != "0" {
		t.Errorf("errors %s, want 0", got)
	}
}

func gzipped(t *testing.T, body []byte) []byte {
	return encode(t, func(w io.Writer) error { return written(gzip.NewWriter(w), body) })
}

func written(w io.WriteCloser, body []byte) error {
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}

func TestV2InflatesRequests(t *testing.T) {
	d := v2(t)
	head, body := ofFiles("", jpegOf(t, ball()))
	for _, c := range []struct {
		name, coding string
		body         []byte
	}{
		{"gzip", "gzip", gzipped(t, body)},
		{"upper case", "GZIP", gzipped(t, body)},
		{"zlib", "deflate", encode(t, func(w io.Writer) error { return written(zlib.NewWriter(w), body) })},
		{"deflate without its frame", "deflate", encode(t, func(w io.Writer) error {
			raw, err := flate.NewWriter(w, flate.DefaultCompression)
			if err != nil {
				return err
			}
			return written(raw, body)
		})},
		{"identity", "identity", body},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.infer(t, c.body, append(kindBinary(len(head)), "Content-Encoding", c.coding)...)
		})
	}
}

func TestV2CompressesAnswers(t *testing.T) {
	d := v2(t)
	many := ofImages("", slices.Repeat([][]byte{jpegOf(t, ball())}, 16)...)
	for _, c := range []struct {
		accept, want string
		body         []byte
	}{
		{"", "", many},
		{"gzip", "gzip", many},
		{"deflate", "deflate", many},
		{"br, GZIP;q=0.5, deflate;q=0.8", "deflate", many},
		{"gzip;q=0, *", "deflate", many},
		{"*", "gzip", many},
		{"gzip;q=none, identity", "", many},
		{"br", "", many},
		{"gzip", "", ofImages("", jpegOf(t, ball()))}, // too small to gain by it
	} {
		resp, a, _ := d.infer(t, c.body, append(kindJSON, "Accept-Encoding", c.accept)...)
		if got := resp.Header.Get("Content-Encoding"); got != c.want || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: %q, Vary %q, want %q", c.accept, got, resp.Header.Get("Vary"), c.want)
		}
		if n := a.Outputs[0].Shape[0]; len(a.Outputs[0].Data) != 10*n {
			t.Errorf("%q: %d logits of %d pictures", c.accept, len(a.Outputs[0].Data), n)
		}
	}
}

// A full server says so at once, and a server that is asked to stop is not ready.
func TestV2FullAndDraining(t *testing.T) {
	s, slot := held(t, func(o *modelserver.Options) { o.Queue, o.DrainDelay = 1, 2*time.Second })
	d := describe(t, s)
	picture := jpegOf(t, ball())
	statuses := s.fill(t, slot, infer, "application/json", ofImages("", picture))
	resp, body := d.Do(t, "POST", infer, ofImages("", picture), kindJSON...)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), `{"error":"2 requests`) {
		t.Errorf("%d %v %s, want a 503 with Retry-After", resp.StatusCode, resp.Header, body)
	}
	if got := s.metric(t, `inference_requests_total{outcome="rejected"}`); got != "1" {
		t.Errorf("rejected %s, want 1", got)
	}
	s.stop(lifecycle.ErrTerminated)
	checkNotReady(t, d, "draining")
	slot.answerBoth(t, statuses)
}

func TestV2NotReadyBeforeTheCapacityIsKnown(t *testing.T) {
	o := realOptions(t)
	slot := holdSlot(&o)
	service, err := modelserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = service.Run(ctx) }() // how it ends says nothing here
	defer func() {
		stop(lifecycle.ErrInterrupted)
		close(slot.pass)
		for { // the pictures that are on their way
			select {
			case <-slot.entered:
			case <-ended:
				return
			}
		}
	}()
	<-slot.entered // the first picture of the calibration, and there it stays
	d := describe(t, &server{url: "http://" + service.Addr().String()})
	checkNotReady(t, d, "measuring")
	if resp, _ := d.Do(t, "GET", "/v2/health/live", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("not alive: %d", resp.StatusCode)
	}
}

// checkNotReady waits until the server is not ready, and looks at how it says so.
func checkNotReady(t *testing.T, d *described, why string) {
	t.Helper()
	for path, name := range map[string]string{"/v2/health/ready": "", "/v2/models/resnet18/ready": `"name":"resnet18",`} {
		resp, body := d.Do(t, "GET", path, nil)
		for resp.StatusCode == http.StatusOK { // the stop has not reached the server yet
			resp, body = d.Do(t, "GET", path, nil)
		}
		if want := "{" + name + `"ready":false,"error":"` + why; resp.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(string(body), want) {
			t.Errorf("%s: %d %s, want %s", path, resp.StatusCode, body, want)
		}
	}
}

// Logits that are no numbers are the server's fault, and say no more than where to look.
func TestV2NotFinite(t *testing.T) {
	s, slot := held(t, func(*modelserver.Options) {})
	slot.logits[3] = float32(math.NaN())
	d := describe(t, s)
	go func() { <-slot.entered; slot.pass <- struct{}{} }()
	resp, body := d.Do(t, "POST", infer, ofImages("", jpegOf(t, ball())), kindJSON...)
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), "in its log as request "+resp.Header.Get(api.HeaderRequestID)) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if got := s.metric(t, `inference_requests_total{outcome="error"}`); got != "1" {
		t.Errorf("errors %s, want 1", got)
	}
}
