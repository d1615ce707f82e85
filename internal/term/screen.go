// Package term shows a running load test: one screen that is redrawn in place on a terminal, a plain line every few seconds elsewhere.
//
// What is shown is a summary.Frame as text of a given width, made by functions that a test can call; only Screen knows that there is a
// terminal. The ends of tests, searches and comparisons are written here too.
package term

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"resnet-autoscaling/internal/summary"

	"golang.org/x/term"
)

// plainEvery is how often a line is written where nobody watches it live.
const plainEvery = 5 * time.Second

// Screen draws frames. Several goroutines may use it.
type Screen struct {
	out   io.Writer
	width func() int // 0: not a terminal
	close func()

	mu    sync.Mutex
	last  summary.Frame
	drawn []string // the last drawing
	next  time.Duration
}

// NewScreen draws on out; on a terminal it redraws in place, and when the terminal's size changes. The caller closes it.
func NewScreen(out io.Writer) *Screen {
	s := &Screen{out: out, width: func() int {
		f, ok := out.(*os.File)
		if !ok {
			return 0
		}
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return width
	}}
	s.close = func() {}
	if s.width() > 0 {
		s.close = onResize(s.resize)
	}
	return s
}

// Close ends the watch over the terminal's size.
func (s *Screen) Close() { s.close() }

// resize draws the last frame again, for a new width.
func (s *Screen) resize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if width := s.width(); width > 0 && s.drawn != nil {
		s.redraw(Lines(s.last, width), width)
	}
}

// Update shows a frame: at once on a terminal, else when five seconds have passed since the last, or at the end.
func (s *Screen) Update(f summary.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = f
	if width := s.width(); width > 0 {
		s.redraw(Lines(f, width), width)
		return
	}
	if f.Elapsed < s.next && !f.Done {
		return
	}
	s.next = f.Elapsed.Truncate(plainEvery) + plainEvery
	fmt.Fprintln(s.out, Line(f))
}

// Note tells a line that stays: above the drawing on a terminal, where a long one is folded between words.
func (s *Screen) Note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if width := s.width(); width > 0 {
		folded := fold(line, width)
		s.redraw(append(folded, s.drawn...), width)
		s.drawn = s.drawn[len(folded):]
		return
	}
	fmt.Fprintln(s.out, line)
}

// redraw draws over the last drawing, which a terminal that has become narrower shows on more lines.
func (s *Screen) redraw(lines []string, width int) {
	const up, clearBelow = "\x1b[%dA", "\x1b[J"
	var b strings.Builder
	if rows := rows(s.drawn, width); rows > 0 {
		fmt.Fprintf(&b, up, rows)
	}
	b.WriteString("\r" + clearBelow)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	s.drawn = lines
	io.WriteString(s.out, b.String())
}

func rows(lines []string, width int) int {
	n := 0
	for _, line := range lines {
		n += max(1, (utf8.RuneCountInString(line)+width-1)/width)
	}
	return n
}
