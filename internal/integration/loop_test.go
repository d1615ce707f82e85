package integration_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/testkit"
)

// The steps build on one another: a system takes seconds to start.
func TestTheLoop(t *testing.T) {
	s := start(t, "--max-replicas=3")
	t.Run("the sample pictures get their labels", s.labels)
	t.Run("bad input is refused in words and leaves no memory behind", s.badInput)
	t.Run("kubectl sees and scales", s.kubectlWorks)
	t.Run("a replica that is killed comes back and costs nothing", s.replicaKilled)
	t.Run("a Prometheus that hangs makes the autoscaler hold", s.prometheusHangs)
	t.Run("nobody else can reach it", s.unreachable)
	t.Run("no log has its token", s.discreet)
	t.Run("Ctrl-C ends it all", s.interrupted)
}

func (s *system) labels(t *testing.T) {
	images := filepath.Join(testkit.Root(t), "images")
	file, err := os.Open(filepath.Join(images, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		picture, err := os.Open(filepath.Join(images, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.Post(s.dispatcher()+api.PathPredict, "application/octet-stream", picture)
		if err != nil {
			t.Fatal(err)
		}
		var got api.PredictResponse
		err = json.NewDecoder(answer.Body).Decode(&got)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || len(got.Predictions) == 0 {
			t.Errorf("%s: status %d, %v", row[0], answer.StatusCode, err)
		} else if got.Predictions[0].Synset != row[1] {
			t.Errorf("%s is %s, want %s", row[0], got.Predictions[0].Synset, row[1])
		}
	}
}

func (s *system) badInput(t *testing.T) {
	truck, err := os.ReadFile(filepath.Join(testkit.Root(t), "images", "garbage-truck-turned.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	const formType = "multipart/form-data; boundary=x"
	form := []byte("--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.jpg\"\r\n\r\n" + string(truck) + "\r\n--x--\r\n")
	replica := "http://" + s.kubectl(t, "get", "pods", "-l", "app=resnet", "-o", "jsonpath={.items[0].status.podIP}") + ":8000"
	before := metric(t, replica, "process_resident_memory_bytes", "")
	for range 3 {
		for name, c := range map[string]struct {
			method, path, contentType string
			body                      []byte
			status                    int
			says                      string
		}{
			"an empty body":          {"POST", "/predict", "image/jpeg", nil, 400, "no picture was sent"},
			"a text file":            {"POST", "/predict", "image/jpeg", []byte("hello"), 400, "look like text/plain"},
			"a truncated JPEG":       {"POST", "/predict", "image/jpeg", truck[:len(truck)/2], 400, "send the whole file"},
			"a PNG of 60,000×60,000": {"POST", "/predict", "image/png", testkit.PNGHeader(60000, 60000), 422, "60000×60000"},
			"20 MiB":                 {"POST", "/predict", "image/jpeg", make([]byte, 20<<20), 413, "10 MiB allowed"},
			"top_k=abc":              {"POST", "/predict?top_k=abc", "image/jpeg", truck, 400, `top_k is "abc"`},
			"a GET":                  {"GET", "/predict", "", nil, 405, "POST"},
			"an unknown path":        {"POST", "/classify", "image/jpeg", truck, 404, "/predict"},
			"a form without a file":  {"POST", "/predict", formType, form, 400, "picture"},
		} {
			for _, server := range []string{s.dispatcher(), replica} {
				request, err := http.NewRequestWithContext(t.Context(), c.method, server+c.path, bytes.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", c.contentType)
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatalf("%s to %s: %v", name, server, err)
				}
				var p api.Problem
				err = json.NewDecoder(answer.Body).Decode(&p)
				answer.Body.Close()
				if err != nil || answer.StatusCode != c.status || p.Status != c.status || !strings.Contains(p.Detail, c.says) ||
					answer.Header.Get("Content-Type") != api.ProblemContentType {
					t.Errorf("%s to %s: %d, %+v, %v; want %d saying %q", name, server, answer.StatusCode, p, err, c.status, c.says)
				}
			}
		}
	}
	const allowance = 64 << 20 // what the Go runtime keeps of its heap, for the next request
	testkit.Eventually(t, "the memory is given back", func() bool {
		return metric(t, replica, "process_resident_memory_bytes", "") < before+allowance
	})
}

func (s *system) kubectlWorks(t *testing.T) {
	if table := s.kubectl(t, "get", "pods"); !regexp.MustCompile(`(?m)^NAME +READY +STATUS +RESTARTS +AGE$`).MatchString(table) ||
		!regexp.MustCompile(`(?m)^resnet-inference-\S+ +1/1 +Running +0 `).MatchString(table) {
		t.Errorf("get pods:\n%s", table)
	}
	seen := s.follow(t)
	s.kubectl(t, "scale", "deployment/resnet-inference", "--replicas=3")
	testkit.Eventually(t, "3 replicas that are processes", func() bool { return len(s.pods(t)) == 3 && len(s.processes("model-server")) == 3 })
	for _, pod := range s.pods(t) {
		testkit.Eventually(t, "get pods -w tells of "+pod, func() bool {
			return regexp.MustCompile(`(?m)^` + pod + ` +1/1 +Running`).MatchString(seen.String())
		})
	}
	gone := s.pods(t)[0]
	if log := s.kubectl(t, "logs", gone); !strings.Contains(log, `"msg":"serving"`) {
		t.Errorf("logs of %s:\n%s", gone, log)
	}
	s.kubectl(t, "delete", "pod", gone)
	testkit.Eventually(t, "another replica instead of the deleted one", func() bool {
		pods := strings.Join(s.pods(t), " ")
		return strings.Count(pods, " ") == 2 && !strings.Contains(pods, gone)
	})
	if events := s.kubectl(t, "get", "events"); !strings.Contains(events, "Started container resnet") {
		t.Errorf("events:\n%s", events)
	}
}

// follow runs kubectl get pods -w until the test ends.
func (s *system) follow(t *testing.T) *testkit.Buffer {
	t.Helper()
	seen := &testkit.Buffer{}
	c := s.kubectlCommand(t, "get", "pods", "-w")
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(seen, lines.Text())
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-read
		_ = c.Wait() // killed
	})
	return seen
}

func (s *system) replicaKilled(t *testing.T) {
	testkit.Eventually(t, "3 replicas", func() bool { return len(s.pods(t)) == 3 })
	load := exec.Command(filepath.Join(bin, "loadtest"), "--url="+s.dispatcher()+api.PathPredict, "--images="+filepath.Join(testkit.Root(t), "images"),
		"--profile=constant:4/8s", "--slo=errors<=0%")
	load.Dir = s.dir
	said := &testkit.Buffer{}
	load.Stdout, load.Stderr = said, said
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	before := metric(t, s.dispatcher(), "dispatcher_requests_total", `code="200"`)
	testkit.Eventually(t, "the load has begun", func() bool {
		return metric(t, s.dispatcher(), "dispatcher_requests_total", `code="200"`) >= before+4
	})
	if err := syscall.Kill(s.processes("model-server")[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := load.Wait(); err != nil {
		t.Errorf("requests were lost: %v\n%s", err, said)
	}
	testkit.Eventually(t, "the killed replica runs again", func() bool {
		restarts := s.kubectl(t, "get", "pods", "-l", "app=resnet", "-o", `jsonpath={.items[*].status.containerStatuses[0].restartCount}`)
		return strings.Contains(restarts, "1") && len(s.pods(t)) == 3 && len(s.processes("model-server")) == 3
	})
}

func (s *system) prometheusHangs(t *testing.T) {
	testkit.Eventually(t, "decisions", func() bool { return !s.blind(t) })
	server := s.processes("prometheus")
	if len(server) != 1 {
		t.Fatalf("processes of Prometheus: %v", server)
	}
	held := metric(t, s.autoscaler(), "autoscaler_holds_total", `reason="unreachable"`)
	if err := syscall.Kill(server[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the autoscaler holds", func() bool { return s.lastDecision(t).Hold == scaling.HoldFailed })
	if now := metric(t, s.autoscaler(), "autoscaler_holds_total", `reason="unreachable"`); now <= held {
		t.Errorf("holds were %v and are %v", held, now)
	}
	testkit.Eventually(t, "an Event of the hold", func() bool {
		return strings.Contains(s.kubectl(t, "get", "events", "--field-selector=involvedObject.name=resnet-inference"), "Holding")
	})
	if n := len(s.pods(t)); n != 3 {
		t.Errorf("%d replicas, though nothing was known", n)
	}
	if err := syscall.Kill(server[0], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the autoscaler goes on", func() bool { return !s.blind(t) })
}

// blind tells whether the autoscaler has nothing at all to go by.
func (s *system) blind(t *testing.T) bool {
	t.Helper()
	return slices.Contains([]scaling.Hold{scaling.HoldFailed, scaling.HoldNoData, scaling.HoldStale}, s.lastDecision(t).Hold)
}

func (s *system) lastDecision(t *testing.T) scaling.Decision {
	t.Helper()
	answer, err := http.Get(s.autoscaler() + "/decisions")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var list struct{ Decisions []scaling.Decision }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Decisions) == 0 {
		return scaling.Decision{Hold: scaling.HoldNoData} // not even the first
	}
	return list.Decisions[0]
}

func (s *system) interrupted(t *testing.T) {
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if code := s.process.ProcessState.ExitCode(); code != command.ExitDone {
		t.Errorf("exit code %d", code)
	}
	if left := s.processes(""); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

func TestNothingOutlivesALocalThatIsKilled(t *testing.T) {
	s := start(t)
	if left := s.processes(""); len(left) < 5 { // local, a replica, dispatcher, autoscaler, Prometheus
		t.Fatalf("only processes %v are found", left)
	}
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	testkit.Eventually(t, "no process is left", func() bool { return len(s.processes("")) == 0 })
}
