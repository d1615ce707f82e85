//go:build unix

package term

import (
	"bytes"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/testkit"
)

// The terminal tells of its new size by a signal: what stands is drawn again at once, without a new frame.
func TestANewSizeIsDrawnAtOnce(t *testing.T) {
	out := &testkit.Buffer{}
	var width atomic.Int64
	width.Store(100)
	s := &Screen{out: out, width: func() int { return int(width.Load()) }}
	s.close = onResize(s.resize)
	s.resize() // nothing stands yet
	if out.String() != "" {
		t.Errorf("drawn before the first frame: %q", out.String())
	}
	f := summary.Frame{Elapsed: time.Second, Duration: time.Minute}
	s.Update(f)
	width.Store(40)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the frame is drawn for 40 columns", func() bool { return strings.Count(out.String(), "left\n") == 2 })
	s.Close()
	if drawing := strings.Join(Lines(f, 40), "\n") + "\n"; !strings.HasSuffix(out.String(), drawing) {
		t.Errorf("%q does not end with %q", out.String(), drawing)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out)
	s.Update(summary.Frame{Done: true})
	s.Close()
	if strings.Contains(out.String(), "\x1b") || !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("%q", out.String())
	}
}
