package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"
)

// serving runs a server until the test ends, and waits until it is ready. Its program is one of bin, or a path.
func serving(t *testing.T, program string, args ...string) (url string, process *os.Process) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if !filepath.IsAbs(program) {
		program = filepath.Join(bin, program)
	}
	said := &testkit.Buffer{}
	c := exec.Command(program, append([]string{"--listen=" + address, "--drain-delay=0s"}, args...)...)
	c.Dir, c.Stderr, c.SysProcAttr = testkit.Root(t), said, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have been killed before
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), said.String())
		}
	})
	url = "http://" + address
	testkit.Eventually(t, filepath.Base(program)+" is ready", func() bool { return answers(url + api.PathReadyz) })
	return url, c.Process
}

func answers(url string) bool {
	answer, err := http.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func sendTo(t *testing.T, url, contentType string, body []byte) (status int, text []byte) {
	t.Helper()
	answer, err := http.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

// connected waits until a dispatcher has so many replicas.
func connected(t *testing.T, dispatcher string, replicas int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%d replicas are ready", replicas), func() bool { return statusOf(t, dispatcher).ReadyReplicas() == replicas })
}

func statusOf(t *testing.T, dispatcher string) (s api.DispatcherStatus) {
	t.Helper()
	answer, err := http.Get(dispatcher + api.PathStatus)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// While a roll-out replaces a model by another version of it, both are there: every answer says whose it is, and who asks for a version
// gets that one.
func TestTwoVersionsOfAModelBehindOneDispatcher(t *testing.T) {
	model := testkit.TinyModel{Name: "resnet18", Version: "1", Input: "input", Output: "logits", Classes: 10, Seed: 1}
	next := model
	next.Version, next.Seed = "2", 2
	old, process := serving(t, "model-server", "--cpu-limit=1", "--model="+model.Make(t))
	replacement, _ := serving(t, "model-server", "--cpu-limit=1", "--model="+next.Make(t))
	dispatcher, _ := serving(t, "dispatcher", "--replicas="+old+","+replacement)
	connected(t, dispatcher, 2)
	truck, err := os.ReadFile(filepath.Join(testkit.Root(t), "images", "garbage-truck.png"))
	if err != nil {
		t.Fatal(err)
	}
	versions, first := map[string]int{}, map[string]string{}
	for range 20 {
		status, text := sendTo(t, dispatcher+api.PathPredict, "image/png", truck)
		var got api.PredictResponse
		if err := json.Unmarshal(text, &got); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		versions[got.ModelVersion]++
		said := fmt.Sprint(got.Predictions)
		if before, known := first[got.ModelVersion]; known && before != said {
			t.Errorf("version %s says %s, and said %s before", got.ModelVersion, said, before)
		}
		first[got.ModelVersion] = said
	}
	if versions["1"] == 0 || versions["2"] == 0 || len(versions) != 2 || first["1"] == first["2"] {
		t.Errorf("answers by version: %v; version 1 says %s, version 2 %s", versions, first["1"], first["2"])
	}
	for range 10 {
		for _, version := range []string{"1", "2"} {
			wantVersion(t, dispatcher, version, truck)
		}
	}
	if n := metric(t, dispatcher, "dispatcher_retries_total", `reason="model"`); n != 0 {
		t.Errorf("%v requests went astray though both replicas tell their version", n)
	}
	// The last replica of version 1 goes: then nobody has it, and that is said.
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	connected(t, dispatcher, 1)
	if status, text := sendTo(t, dispatcher+"/v2/models/resnet18/versions/1/infer", "application/json", []byte("{}")); status != http.StatusNotFound || !strings.Contains(string(text), "only resnet18 version 2") {
		t.Errorf("version 1 when it is gone: %d %s", status, text)
	}
	wantVersion(t, dispatcher, "2", truck)
}

// wantVersion asks for a version's inference, and what it is.
func wantVersion(t *testing.T, dispatcher, version string, picture []byte) {
	t.Helper()
	model := dispatcher + "/v2/models/resnet18/versions/" + version
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, model+"/infer", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Inference-Header-Content-Length", "0") // all of the body is one picture
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"model_version":"`+version+`"`) {
		t.Fatalf("version %s: %s %.200s %v", version, answer.Status, text, err)
	}
	if answer, err = http.Get(model); err != nil {
		t.Fatal(err)
	}
	text, err = io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"versions":["`+version+`"]`) {
		t.Fatalf("what version %s is: %s %.200s %v", version, answer.Status, text, err)
	}
}

// Dispatchers are upgraded before model servers: one of now works with those of the release before, which say less of themselves.
func TestADispatcherWithModelServersOfTheReleaseBefore(t *testing.T) {
	stand := filepath.Join(t.TempDir(), "replica")
	if out, err := exec.Command("go", "build", "-o", stand, "resnet-autoscaling/internal/testkit/replica").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var replicas []string
	var processes []*os.Process
	for range 3 {
		url, process := serving(t, stand, "--older", "--slots=2", "--service=5ms")
		replicas, processes = append(replicas, url), append(processes, process)
	}
	if h := headersOf(t, replicas[0]+api.PathReadyz); h.Get(api.HeaderLoad) != "" || h.Get(api.HeaderModels) != "" || h.Get(api.HeaderSlots) != "2" {
		t.Fatalf("it says more of itself, or less, than one of before: %v", h)
	}
	dispatcher, _ := serving(t, "dispatcher", "--replicas="+strings.Join(replicas, ","))
	connected(t, dispatcher, 3)
	for n := range 150 {
		if n == 75 {
			if err := processes[0].Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if status, text := sendTo(t, dispatcher+api.PathPredict, "image/jpeg", fmt.Appendf(nil, "picture %d", n)); status != http.StatusOK {
			t.Fatalf("request %d: %d %s", n, status, text)
		}
	}
	connected(t, dispatcher, 2)
	s := statusOf(t, dispatcher)
	for _, r := range s.Replicas {
		if r.State == api.ReplicaReady && (r.Slots != 2 || r.CapacityRPS != 400 || r.InFlight != 0) {
			t.Errorf("%+v, want 2 slots, 400 rps and nothing in flight", r)
		}
	}
	if n := metric(t, dispatcher, "dispatcher_requests_total", `code="200"`); n != 150 {
		t.Errorf("%v answers, want 150", n)
	}
}

func headersOf(t *testing.T, url string) http.Header {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.Header
}
