package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// The clients that people have work unchanged: Triton's and KServe's, with the model server and through a dispatcher.
func TestClients(t *testing.T) {
	python := pythonWith(t, "clients", "testdata/requirements.txt")
	eachServer(t, func(t *testing.T, url string) {
		clients := exec.CommandContext(t.Context(), python, "testdata/clients.py", url)
		for _, picture := range []string{"church-st-peter.jpg", "garbage-truck.png", "parachute.webp"} {
			clients.Args = append(clients.Args, filepath.Join(testkit.Root(t), "images", picture))
		}
		out, err := clients.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
	})
}

// openapi.json is true: what it allows is not answered with a 5xx, what it forbids is refused, and every answer is as it says.
func TestOpenAPI(t *testing.T) {
	python := pythonWith(t, "schemathesis", "testdata/requirements-schemathesis.txt")
	eachServer(t, func(t *testing.T, url string) {
		check := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(python), "schemathesis"),
			"--config-file="+filepath.Join(testkit.Root(t), "internal/integration/testdata/schemathesis.toml"), "run", url+"/openapi.json", "--no-color")
		check.Dir = t.TempDir() // it leaves notes where it runs
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// eachServer runs a test with a model server, and with a dispatcher in front of it.
func eachServer(t *testing.T, test func(t *testing.T, url string)) {
	modelServer := startServer(t, "model-server", "--queue=64") // some send 64 requests at once
	dispatcher := startServer(t, "dispatcher", "--replicas="+modelServer)
	t.Run("model-server", func(t *testing.T) { test(t, modelServer) })
	t.Run("dispatcher", func(t *testing.T) { test(t, dispatcher) })
}

// pythonWith is a Python of its own, in .cache, that has what a requirements file asks for. Where that cannot be had, the test is skipped,
// so that `make test` passes without the web; CI has the web, and fails.
func pythonWith(t *testing.T, name, requirements string) string {
	t.Helper()
	dir := filepath.Join(testkit.Root(t), ".cache", name)
	python, made := filepath.Join(dir, "bin", "python"), filepath.Join(dir, "requirements.txt")
	want, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(made); err == nil && bytes.Equal(have, want) {
		return python
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=15", "--only-binary=:all:", "-r", requirements},
	} {
		out, err := exec.CommandContext(t.Context(), step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		reason := fmt.Sprintf("%v: %v\n%s", step, err, out)
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skipf("needs Python with venv, and PyPI, once:\n%s", reason)
	}
	if err := os.WriteFile(made, want, 0o644); err != nil {
		t.Fatal(err)
	}
	return python
}

// startServer runs the real one until the test ends, and returns its URL once it is ready.
func startServer(t *testing.T, name string, args ...string) string {
	t.Helper()
	url, _ := startServerIn(t, os.Environ(), name, args...)
	return url
}

// startServerIn runs it with an environment, and tells its process id too.
func startServerIn(t *testing.T, env []string, name string, args ...string) (url string, pid int) {
	t.Helper()
	server := exec.Command(filepath.Join(bin, name), append([]string{"--listen=127.0.0.1:0", "--log-format=json"}, args...)...)
	server.Dir, server.Env = testkit.Root(t), env
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var logs testkit.Buffer
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&logs, lines.Text())
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				address <- line.Address
			}
		}
		_ = server.Wait() // the test looks at its answers, not at its end
	}()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", name, logs.String())
		}
	})
	select {
	case a := <-address:
		url := "http://" + a
		testkit.Eventually(t, name+" is ready", func() bool {
			answer, err := http.Get(url + "/readyz")
			if err != nil {
				return false
			}
			answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		})
		return url, server.Process.Pid
	case <-ended:
		t.Fatalf("%s ended before it served", name)
	}
	return "", 0
}
