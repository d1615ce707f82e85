package term

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/summary"
)

// A terminal that became narrower shows the last drawing on more lines: all of them are drawn over.
func TestRedrawAfterAResize(t *testing.T) {
	var out bytes.Buffer
	width := 100
	s := &Screen{out: &out, width: func() int { return width }}
	f := summary.Frame{Elapsed: time.Second, Duration: time.Minute}
	s.Update(f)
	wide := Lines(f, 100)
	if strings.Contains(out.String(), "A") {
		t.Errorf("the first drawing goes up: %q", out.String())
	}
	out.Reset()
	width = 40
	s.Update(f)
	// The bar of 99 characters takes three lines of 40, the rate's 52, the latency's 59 and the requests' 42 two each.
	if len(wide) != 4 || !strings.HasPrefix(out.String(), "\x1b[9A\r\x1b[J") {
		t.Errorf("%d lines were drawn, then %q", len(wide), out.String()[:12])
	}
}

// A note stays above the drawing, however long it is: the next drawing covers only the last one. It is folded between its words.
func TestANoteStaysAboveTheDrawing(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, width: func() int { return 80 }}
	f := summary.Frame{Elapsed: time.Second, Duration: time.Minute}
	s.Update(f)
	out.Reset()
	s.Note("12:15:08  autoscaler  " + strings.Repeat("note ", 15) + strings.Repeat("x", 90) + " end")
	drawing := strings.Join(Lines(f, 80), "\n") + "\n"
	folded := "12:15:08  autoscaler " + strings.Repeat(" note", 11) + "\n" + strings.Repeat(" ", 10) + "note note note note\n" + strings.Repeat(" ", 10) + strings.Repeat("x", 90) +
		"\n" + strings.Repeat(" ", 10) + "end\n"
	if want := "\x1b[4A\r\x1b[J" + folded + drawing; out.String() != want {
		t.Errorf("%q\nwant %q", out.String(), want)
	}
	out.Reset()
	s.Update(f)
	if want := "\x1b[4A\r\x1b[J" + drawing; out.String() != want {
		t.Errorf("%q\nwant %q", out.String(), want)
	}
}
