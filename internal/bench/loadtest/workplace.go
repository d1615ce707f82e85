package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"resnet-autoscaling/internal/bench/machine"
)

// workplace is where the measuring happens: its files, and the cores.
type workplace struct {
	root, dir string
	cores     machine.Cores // of the server and of the testers, where they are pinned
	pinned    bool
}

func newWorkplace(root string) (*workplace, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	w := &workplace{root: root, dir: filepath.Join(root, ".cache", "bench", "loadtest")}
	_, noTaskset := exec.LookPath("taskset")
	var tooFew error
	w.cores, tooFew = machine.TwoCores()
	w.pinned = noTaskset == nil && tooFew == nil
	return w, os.MkdirAll(w.dir, 0o755)
}

func (w *workplace) file(name string) string { return filepath.Join(w.dir, name) }

// on is a command on a core.
func (w *workplace) on(ctx context.Context, core int, name string, args ...string) *exec.Cmd {
	if w.pinned {
		name, args = "taskset", append([]string{"-c", strconv.Itoa(core), name}, args...)
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	c.Dir = w.dir
	return c
}

// done is what a tester that ended used and said.
type done struct {
	cpu    time.Duration
	stdout string
	memory int64 // bytes, at most
}

// run runs a tester on its core, and on one thread where it can be told.
func (w *workplace) run(ctx context.Context, env []string, name string, args ...string) (done, error) {
	c := w.on(ctx, w.cores.Load, name, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Env = append(append(os.Environ(), "GOMAXPROCS=1"), env...)
	err := c.Run()
	d := done{stdout: stdout.String()}
	if c.ProcessState != nil {
		d.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			d.memory = usage.Maxrss << 10
		}
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastLine(stderr.String()+stdout.String()))
	}
	return d, nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// server is the one that is driven, in a process of its own.
type server struct {
	url     string
	process *exec.Cmd
}

func (w *workplace) serve(ctx context.Context, args ...string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := w.on(ctx, w.cores.Server, self, append([]string{"serve"}, args...)...)
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not start: %w", err), c.Wait())
	}
	return &server{url: "http://" + strings.TrimSpace(address) + "/predict", process: c}, nil
}

func (s *server) stop() {
	s.process.Cancel()
	s.process.Wait() // it was told to end
}

// arrivals are when requests came since the last look.
func (s *server) arrivals(ctx context.Context) (at []time.Duration, err error) {
	err = s.ask(ctx, pathArrivals, &at)
	return at, err
}

// count is how many requests have come so far.
func (s *server) count(ctx context.Context) (n int, err error) {
	err = s.ask(ctx, pathCount, &n)
	return n, err
}

func (s *server) ask(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.url, "/predict")+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

// form is a picture of a size, and the same as an HTML form.
type form struct {
	picture, body, contentType string // two files, and what the form's is called
	size                       int
}

func (w *workplace) form(name string, size int) (form, error) {
	picture := bytes.Repeat([]byte("\xff\xd8\xff\xe0 a picture that nobody decodes "), size/32+1)[:size]
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition("file", "picture.jpg")}, "Content-Type": {"image/jpeg"}})
	if err != nil {
		return form{}, err
	}
	part.Write(picture) // a buffer takes all
	if err := m.Close(); err != nil {
		return form{}, err
	}
	f := form{picture: w.file(name + ".jpg"), body: w.file(name + ".form"), contentType: m.FormDataContentType(), size: size}
	return f, errors.Join(os.WriteFile(f.picture, picture, 0o644), os.WriteFile(f.body, body.Bytes(), 0o644))
}
