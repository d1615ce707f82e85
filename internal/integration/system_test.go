package integration_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// bin is where the binaries are that all tests run.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "resnet-integration-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		build := exec.Command("go", "build", "-o", dir, "resnet-autoscaling/cmd/...")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// system is a `local up` that runs.
type system struct {
	dir, host string // its folder; where its components listen
	process   *exec.Cmd
	ended     chan struct{} // closed once process has been waited for
	logs      testkit.Buffer
}

// start runs the system and waits until it is up. Whatever of it is left ends with the test.
func start(t *testing.T, args ...string) *system {
	t.Helper()
	// A range of its own out of 127/8, so that a system that a person runs here at the same time is not met.
	second := 65 + os.Getpid()%60
	s := &system{dir: t.TempDir(), host: fmt.Sprintf("127.%d.255.1", second), ended: make(chan struct{})}
	s.process = exec.Command(filepath.Join(bin, "local"), append([]string{
		"up", "--dir=" + s.dir, "--bin=" + bin, fmt.Sprintf("--pods=127.%d.0.0/16", second), "--log-format=text",
		"--listen=" + s.host + ":8080", "--autoscaler-listen=" + s.host + ":8081", "--prometheus-listen=" + s.host + ":9090",
		"--api-listen=" + s.host + ":8001", "--node-listen=" + s.host + ":10250",
	}, args...)...)
	s.process.Dir = testkit.Root(t)
	s.process.Stderr = &s.logs
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.clean(t) })
	up := make(chan struct{})
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			fmt.Fprintln(&s.logs, lines.Text())
			if strings.Contains(lines.Text(), "Ctrl-C ends it all") {
				close(up)
			}
		}
		_ = s.process.Wait() // a test that cares asks ProcessState
	}()
	select {
	case <-up:
	case <-s.ended:
		t.Fatal("local ended before it was up")
	}
	return s
}

// clean ends what is left and shows the logs of a test that failed.
func (s *system) clean(t *testing.T) {
	_ = s.process.Process.Kill() // it has ended, unless the test failed before it ended it
	<-s.ended
	if !t.Failed() {
		return
	}
	t.Logf("local said:\n%s", s.logs.String())
	files, _ := filepath.Glob(filepath.Join(s.dir, "logs", "*.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-4000):])
	}
}

func (s *system) dispatcher() string { return "http://" + s.host + ":8080" }
func (s *system) autoscaler() string { return "http://" + s.host + ":8081" }

// kubectl runs the real one and returns what it prints.
func (s *system) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.kubectlCommand(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *system) kubectlCommand(t *testing.T, args ...string) *exec.Cmd {
	c := exec.Command(testkit.Kubectl(t), append([]string{"--kubeconfig=" + filepath.Join(s.dir, "kubeconfig")}, args...)...)
	c.Env = append(os.Environ(), "HOME="+s.dir) // where it caches what it discovers
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// pods are the names of the ready replicas.
func (s *system) pods(t *testing.T) []string {
	t.Helper()
	return strings.Fields(s.kubectl(t, "get", "pods", "-l", "app=resnet", "-o",
		`jsonpath={range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name}{"\n"}{end}`))
}

// processes are the PIDs of what runs a program of the system, by its name; "" is all of them.
func (s *system) processes(name string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil { // it has ended, or is a thread of the kernel
			continue
		}
		arguments, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		ours := filepath.Dir(exe) == bin || filepath.Base(exe) == "prometheus" && bytes.Contains(arguments, []byte(s.dir))
		if ours && (name == "" || filepath.Base(exe) == name) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// metric is the sum of a server's series of a name whose labels contain a text.
func metric(t *testing.T, server, name, labels string) float64 {
	t.Helper()
	answer, err := http.Get(server + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for line := range strings.Lines(string(text)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		own, _, _ := strings.Cut(series, "{")
		if !ok || own != name || !strings.Contains(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum, found = sum+n, true
	}
	if !found {
		t.Fatalf("%s has no %s{%s}", server, name, labels)
	}
	return sum
}
