package modelserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/testkit"
)

// withModels serves models of these folders beside the bundled one, which is the first.
func withModels(t *testing.T, dirs ...string) modelserver.Options {
	t.Helper()
	o := realOptions(t)
	for _, dir := range dirs {
		model, session := open(t, dir)
		o.Models = append(o.Models, modelserver.Model{Spec: model.Spec, Labels: model.Labels, Precision: model.Precision})
		for i := range o.Stations {
			slot, err := session.NewSlot()
			if err != nil {
				t.Fatal(err)
			}
			o.Stations[i].Networks = append(o.Stations[i].Networks, slot)
		}
	}
	return o
}

// zoo has the shape of the ONNX model zoo's ResNet18: 1,000 classes, and tensors of other names than ours.
var zoo = testkit.TinyModel{Name: "imagenet", Version: "7", Input: "data", Output: "resnetv15_dense0_fwd", Classes: 1000, Seed: 1}

func TestTwoModelsAtOnce(t *testing.T) {
	o := withModels(t, zoo.Make(t))
	o.CacheBytes = 1 << 20
	d := describe(t, serve(t, o))
	picture := jpegOf(t, ball())
	for range 2 { // the second time from the cache, which must not mix them up
		if got := d.predict(t, picture); got.Model != "resnet18" || len(got.Predictions) != 5 || !strings.HasPrefix(got.Predictions[0].Synset, "n0") {
			t.Errorf("/predict: %+v, want the first model's answer", got)
		}
		for path, classes := range map[string]int{"/v2/models/resnet18": 10, "/v2/models/imagenet": 1000, "/v2/models/imagenet/versions/7": 1000} {
			if _, a := d.inferAt(t, path, picture); len(a.Outputs) != 1 || !slices.Equal(a.Outputs[0].Shape, []int{1, classes}) || len(a.Outputs[0].Data) != classes {
				t.Errorf("%s: %d outputs of %s version %s, want %d classes", path, len(a.Outputs), a.Model, a.Version, classes)
			}
		}
	}
	for path, want := range map[string]string{
		"/v2/models/imagenet":        `"inputs":[{"name":"data","datatype":"FP32","shape":[-1,3,224,224]},{"name":"image","datatype":"BYTES","shape":[-1,1]}],"outputs":[{"name":"resnetv15_dense0_fwd","datatype":"FP32","shape":[-1,1000]}]`,
		"/v2/models/imagenet/ready":  `{"name":"imagenet","ready":true}`,
		"/v2/models/imagenet/config": `"max_batch_size":16,"input":[{"name":"data"`,
		"/v2/models/resnet18/config": `"max_batch_size":16,"input":[{"name":"input"`,
		"/v2/models/imagenet/stats":  `{"model_stats":[{"name":"imagenet","version":"7"`,
		"/v2/models/stats":           `,{"name":"imagenet","version":"7"`,
	} {
		if resp, body := d.Do(t, "GET", path, nil); resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, want %s", path, resp.StatusCode, body, want)
		}
	}
	resp, body := d.Do(t, "GET", "/v2/models/imagenet/versions/8", nil)
	if want := "there is no model imagenet version 8 here, only resnet18 version 1 and imagenet version 7"; resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), want) {
		t.Errorf("version 8: %d %s, want %s", resp.StatusCode, body, want)
	}
	for _, info := range []string{`name="imagenet",precision="fp32",runtime="onnxruntime",version="7"`, `name="resnet18",precision="` + o.Models[0].Precision + `",runtime="onnxruntime",version="1"`} {
		if got := d.metric(t, "model_info{"+info+"}"); got != "1" {
			t.Errorf("model_info{%s} is %s", info, got)
		}
	}
	if models, ok := api.ModelsFrom(d.get(t, "/readyz").Header); !ok || models.String() != "resnet18/1, imagenet/7" {
		t.Errorf("/readyz tells of %v", models)
	}
}

// The slots are shared: while one model's request holds the only one, another model's waits.
func TestModelsShareTheSlots(t *testing.T) {
	o := withModels(t, zoo.Make(t))
	other := o.Stations[0].Networks[1]
	slot := holdSlot(&o)
	o.Stations[0].Networks = append(o.Stations[0].Networks, other)
	o.Queue = 1
	go func() { // calibration
		for range calibrationRuns {
			<-slot.entered
			slot.pass <- struct{}{}
		}
	}()
	s := serve(t, o)
	picture := jpegOf(t, ball())
	held, waits := make(chan int), make(chan int)
	send := func(path, kind string, body []byte, status chan<- int) {
		resp, _ := s.post(t, path, kind, bytes.NewReader(body))
		status <- resp.StatusCode
	}
	go send("/predict", "image/jpeg", picture, held)
	<-slot.entered
	go send("/v2/models/imagenet/infer", "application/json", ofImages("", picture), waits)
	testkit.Eventually(t, "the other model's request waits", func() bool { return s.metric(t, "inference_queue_length") == "1" })
	slot.pass <- struct{}{}
	if first, second := <-held, <-waits; first != http.StatusOK || second != http.StatusOK {
		t.Errorf("%d and %d", first, second)
	}
}

// Two versions of a model may be here; without a version it is the first one's.
func TestTwoVersionsOfAModel(t *testing.T) {
	two := zoo
	two.Version, two.Seed = "8", 2
	d := describe(t, serve(t, withModels(t, zoo.Make(t), two.Make(t))))
	logits := map[string]string{}
	for path, version := range map[string]string{"/v2/models/imagenet": "7", "/v2/models/imagenet/versions/7": "7", "/v2/models/imagenet/versions/8": "8"} {
		_, a := d.inferAt(t, path, jpegOf(t, ball()))
		if a.Version != version {
			t.Errorf("%s was answered by version %s", path, a.Version)
		}
		got := fmt.Sprint(a.Outputs)
		if before, known := logits[version]; known && before != got {
			t.Errorf("%s: version %s answers in two ways", path, version)
		}
		logits[version] = got
	}
	if logits["7"] == logits["8"] {
		t.Error("both versions say the same")
	}
	if _, a := d.inferAt(t, "/v2/models/imagenet/versions/8", jpegOf(t, image.NewGray(image.Rect(0, 0, 300, 300)))); fmt.Sprint(a.Outputs) == logits["8"] {
		t.Error("version 8 says the same of two pictures")
	}
	if _, body := d.Do(t, "GET", "/v2/models/imagenet/versions/8", nil); !strings.Contains(string(body), `"versions":["7","8"]`) {
		t.Errorf("%s, want both versions", body)
	}
}

func TestAModelIsThereOnlyOnce(t *testing.T) {
	o := withModels(t, zoo.Make(t), zoo.Make(t))
	if _, err := modelserver.New(o); err == nil || !strings.Contains(err.Error(), "--model (or RESNET_MODEL) is imagenet version 7: must be there once only") {
		t.Errorf("the same twice: %v", err)
	}
}

func (d *described) predict(t *testing.T, picture []byte) (got api.PredictResponse) {
	t.Helper()
	resp, body := d.Do(t, "POST", "/predict", picture, "Content-Type", "image/jpeg")
	if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	return got
}

// inferAt is the answer of a model to a picture.
func (d *described) inferAt(t *testing.T, model string, picture []byte) (resp *http.Response, a answerV2) {
	t.Helper()
	resp, body := d.Do(t, "POST", model+"/infer", ofImages("", picture), kindJSON...)
	if err := json.Unmarshal(body, &a); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", model, resp.StatusCode, body)
	}
	return resp, a
}
