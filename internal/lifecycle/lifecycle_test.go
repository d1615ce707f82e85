package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"resnet-autoscaling/internal/lifecycle"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal notes what happened in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) part(name string, err error) lifecycle.Part {
	return lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.note(name + " stopped by " + context.Cause(ctx).Error())
		return err
	}}
}

func TestPartsStopInReverseOrderWithTheCause(t *testing.T) {
	var j journal
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lifecycle.ErrTerminated)
	err := lifecycle.Run(ctx, j.part("store", nil), j.part("queue", nil), j.part("server", nil))
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	cause := " stopped by " + lifecycle.ErrTerminated.Error()
	want := []string{"server" + cause, "queue" + cause, "store" + cause}
	if !slices.Equal(j.lines, want) {
		t.Errorf("order %q, want %q", j.lines, want)
	}
}

func TestAPartThatEndsEndsTheOthers(t *testing.T) {
	var j journal
	broken := errors.New("disk full")
	err := lifecycle.Run(t.Context(), j.part("store", nil),
		lifecycle.Part{Name: "writer", Run: func(context.Context) error { return broken }})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "writer: disk full") {
		t.Errorf("Run: %v, want the writer's error under its name", err)
	}
	if len(j.lines) != 1 {
		t.Errorf("the store was not stopped: %q", j.lines)
	}
}

func TestErrorsOfAllPartsAreJoined(t *testing.T) {
	var j journal
	first, second := errors.New("first"), errors.New("second")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := lifecycle.Run(ctx, j.part("a", first), j.part("b", second), j.part("c", context.Canceled))
	if !errors.Is(err, first) || !errors.Is(err, second) {
		t.Errorf("Run: %v, want both errors", err)
	}
	if errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v: a part that reports its own cancellation has not failed", err)
	}
}

func TestAnEarlyPartOutlivesTheLaterOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stopped := false
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			result <- lifecycle.Run(ctx,
				lifecycle.Part{Name: "store", Run: func(ctx context.Context) error { <-ctx.Done(); stopped = true; return nil }},
				lifecycle.Part{Name: "server", Run: func(ctx context.Context) error { <-ctx.Done(); <-release; return nil }})
		}()
		cancel()
		synctest.Wait()
		if stopped {
			t.Error("the store was stopped while the server still drained")
		}
		close(release)
		if err := <-result; err != nil || !stopped {
			t.Errorf("Run: %v, store stopped: %v", err, stopped)
		}
	})
}

func TestSignalsBecomeCauses(t *testing.T) {
	for signal, want := range map[syscall.Signal]error{syscall.SIGTERM: lifecycle.ErrTerminated, syscall.SIGINT: lifecycle.ErrInterrupted} {
		ctx, release := lifecycle.WithSignals(t.Context())
		if err := syscall.Kill(syscall.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if got := context.Cause(ctx); !errors.Is(got, want) {
			t.Errorf("%v: cause %v, want %v", signal, got, want)
		}
		release()
	}
}
