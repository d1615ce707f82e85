package logfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"resnet-autoscaling/internal/node/logfile"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var everything = logfile.Selection{Tail: -1, Limit: -1}

func begin(t *testing.T, limit int64) (*logfile.Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "default_pod")
	l := logfile.New(dir, "resnet", limit)
	if err := l.Begin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.End(); err != nil {
			t.Error(err)
		}
	})
	return l, dir
}

func write(l *logfile.Log, text string) { _, _ = l.Write([]byte(text)) } // never fails

func read(t *testing.T, l *logfile.Log, s logfile.Selection) string {
	t.Helper()
	var b strings.Builder
	if err := l.Read(t.Context(), &b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSelections(t *testing.T) {
	l, _ := begin(t, 12)
	write(l, "one\ntwo\n")
	write(l, "three\nfour") // does not fit beside the first: a second file
	for _, c := range []struct {
		s    logfile.Selection
		want string
	}{
		{everything, "one\ntwo\nthree\nfour"},
		{logfile.Selection{Tail: 0, Limit: -1}, ""},
		{logfile.Selection{Tail: 1, Limit: -1}, "four"},
		{logfile.Selection{Tail: 3, Limit: -1}, "two\nthree\nfour"},
		{logfile.Selection{Tail: 9, Limit: -1}, "one\ntwo\nthree\nfour"},
		{logfile.Selection{Tail: -1, Limit: 0}, ""},
		{logfile.Selection{Tail: -1, Limit: 5}, "one\nt"},
		{logfile.Selection{Tail: 2, Limit: 7}, "three\nf"},
		{logfile.Selection{Tail: -1, Limit: 5, Follow: true}, "one\nt"},
	} {
		if got := read(t, l, c.s); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
}

func TestTailIsTheLastLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "logfile")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		l := logfile.New(dir, "c", 1<<20)
		if err := l.Begin(); err != nil {
			t.Fatal(err)
		}
		defer l.End()
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z]{0,9}\n`)).Draw(t, "lines")
		for _, line := range lines {
			write(l, line)
		}
		n := rapid.IntRange(0, len(lines)+2).Draw(t, "tail")
		var got strings.Builder
		if err := l.Read(context.Background(), &got, logfile.Selection{Tail: int64(n), Limit: -1}); err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(lines[max(0, len(lines)-n):], ""); got.String() != want {
			t.Errorf("the last %d of %q are %q", n, lines, got.String())
		}
	})
}

func TestSizeIsBounded(t *testing.T) {
	l, dir := begin(t, 100)
	for i := range 1000 {
		write(l, fmt.Sprintf("line %d\n", i))
	}
	var total int64
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 200 || total < 100 {
		t.Errorf("a log with a limit of 100 bytes a file takes %d bytes in %d files", total, len(files))
	}
	if got := read(t, l, logfile.Selection{Tail: 1, Limit: -1}); got != "line 999\n" {
		t.Errorf("the last line is %q", got)
	}
}

func TestPreviousRun(t *testing.T) {
	l, _ := begin(t, 100)
	previous := logfile.Selection{Previous: true, Tail: -1, Limit: -1}
	if err := l.Read(t.Context(), &strings.Builder{}, previous); !errors.Is(err, logfile.ErrNoLog) {
		t.Errorf("the first run has a previous one: %v", err)
	}
	write(l, "first\n")
	if err := errors.Join(l.End(), l.Begin()); err != nil {
		t.Fatal(err)
	}
	write(l, "second\n")
	if got := read(t, l, previous); got != "first\n" {
		t.Errorf("the previous run wrote %q", got)
	}
	if got := read(t, l, everything); got != "second\n" {
		t.Errorf("this run wrote %q", got)
	}
}

// follower is a reader at work; wait blocks until it has got a text.
type follower struct {
	mu      sync.Mutex
	got     bytes.Buffer
	more    *sync.Cond
	done    chan error
	stopped context.CancelFunc
}

func follow(t *testing.T, l *logfile.Log) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{done: make(chan error, 1), stopped: cancel}
	f.more = sync.NewCond(&f.mu)
	go func() { f.done <- l.Read(ctx, f, logfile.Selection{Follow: true, Tail: -1, Limit: -1}) }()
	return f
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.more.Broadcast()
	return f.got.Write(p)
}

func (f *follower) wait(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !strings.Contains(f.got.String(), text) {
		f.more.Wait()
	}
}

func TestFollowGoesThroughRotationsToTheEnd(t *testing.T) {
	l, _ := begin(t, 40)
	f := follow(t, l)
	var want strings.Builder
	for i := range 50 {
		line := fmt.Sprintf("line number %d\n", i)
		want.WriteString(line)
		write(l, line)
		f.wait(line)
	}
	write(l, "last words")
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	if err := <-f.done; err != nil {
		t.Fatal(err)
	}
	if got := f.got.String(); got != want.String()+"last words" {
		t.Errorf("followed %q", got)
	}
}

func TestFollowerThatLeaves(t *testing.T) {
	l, _ := begin(t, 100)
	f := follow(t, l)
	write(l, "here\n")
	f.wait("here")
	f.stopped()
	if err := <-f.done; !errors.Is(err, context.Canceled) {
		t.Errorf("a follower that left: %v", err)
	}
}

func TestLogThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := logfile.New(filepath.Join(file, "below-a-file"), "c", 100)
	if err := l.Begin(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a folder that cannot be: %v", err)
	}
	if n, err := l.Write([]byte("text")); n != 4 || err != nil {
		t.Errorf("a container's output was refused: %d, %v", n, err)
	}
	l = logfile.New(t.TempDir(), "c", 100)
	if err := l.Read(t.Context(), &strings.Builder{}, everything); !errors.Is(err, logfile.ErrNoLog) {
		t.Errorf("a log that was never begun: %v", err)
	}
}
