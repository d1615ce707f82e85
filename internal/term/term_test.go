package term_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

func frame(elapsed time.Duration) summary.Frame {
	return summary.Frame{
		Elapsed: elapsed, Duration: time.Minute, Asked: 20, InFlight: 3,
		Progress: summary.Progress{
			Requests: 100, OK: 98, Achieved: 19.5, P50: 40 * time.Millisecond, P99: 1500 * time.Millisecond,
			Errors: map[summary.Kind]int64{summary.Timeout: 1, summary.Refused: 1}, Replicas: &summary.Replicas{Ready: 2, Desired: 5, Queue: 7, CPU: 1.5},
			Trend: []float64{0, 5, 10, 20},
		},
	}
}

func TestPlainLinesEveryFiveSeconds(t *testing.T) {
	var out bytes.Buffer
	s := term.NewScreen(&out)
	for second := range 13 {
		s.Update(frame(time.Duration(second) * time.Second))
	}
	last := frame(13 * time.Second)
	last.Done = true
	s.Update(last)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want those of 0, 5, 10 s and the end:\n%s", len(lines), out.String())
	}
	want := "5s  asked 20.0/s, served 19.5/s  p50 40.0ms, p99 1.50s  3 in flight  errors 503 1, timeout 1  replicas 2→5"
	if got := strings.TrimSpace(lines[1]); got != want {
		t.Errorf("line %q\nwant %q", got, want)
	}
}

func TestANoteIsALineOfItsOwn(t *testing.T) {
	var out bytes.Buffer
	s := term.NewScreen(&out)
	s.Note("1→2: more load")
	if out.String() != "1→2: more load\n" {
		t.Errorf("%q", out.String())
	}
}

func TestScreenFitsItsWidth(t *testing.T) {
	for _, width := range []int{1, 10, 40, 80, 200} {
		lines := term.Lines(frame(30*time.Second), width)
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d characters on a screen of %d: %q", n, width, line)
			}
		}
		if width == 80 && (!strings.Contains(lines[0], "30s left") || !strings.Contains(lines[2], "▁▃▅█   served, last 4 s") || !strings.Contains(lines[5], "2→5   ■■□□□   queue 7   CPU 1.5 cores")) {
			t.Errorf("screen:\n%s", strings.Join(lines, "\n"))
		}
	}
}

func TestANarrowScreenStillTellsAll(t *testing.T) {
	screen := strings.Join(term.Lines(frame(30*time.Second), 34), "\n")
	for _, want := range []string{"asked 20.0/s", "served 19.5/s", "in flight 3", "p99 1.50s", "98 answered", "503 1", "2→5"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q on\n%s", want, screen)
		}
	}
}

func TestTheBarSaysWhatIsLeft(t *testing.T) {
	late, done := frame(61*time.Second), frame(70*time.Second)
	done.Done = true
	for want, f := range map[string]summary.Frame{"45s left": frame(15 * time.Second), "warming up, 3s left": frame(-3 * time.Second), "waiting for the last answers": late, "done": done} {
		if bar := term.Lines(f, 80)[0]; !strings.HasSuffix(bar, " "+want) {
			t.Errorf("%q, want it to end with %s", bar, want)
		}
	}
}

func TestReplicaTimelineTellsChanges(t *testing.T) {
	got := term.ReplicaTimeline([]summary.Replicas{{Second: 0, Ready: 1}, {Second: 1, Ready: 1}, {Second: 7, Ready: 3}, {Second: 9, Ready: 1}})
	if want := "1 (0s) → 3 (7s) → 1 (9s)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The trend takes all the room that the words behind it leave.
func TestTheTrendFillsItsLine(t *testing.T) {
	f := frame(30 * time.Second)
	f.Trend = make([]float64, 60)
	const width = 80
	for _, line := range term.Lines(f, width) {
		if n := utf8.RuneCountInString(line); strings.Contains(line, "trend") && n != width-1 {
			t.Errorf("%d characters on a screen of %d: %q", n, width, line)
		}
	}
}
