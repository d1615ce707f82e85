package term

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/capacity"
)

// WriteStep tells a person of one step.
func WriteStep(w io.Writer, s capacity.Step) error {
	line := fmt.Sprintf("  %8.4g/s  %s  answered %.4g/s, p50 %.1f ms, p99 %.1f ms, lost %d of %d", s.Rate, verdict(s.Kept), s.Achieved, s.P50, s.P99, s.Lost, s.Requests)
	if s.Ready > 0 {
		line += fmt.Sprintf(", replicas %d", s.Ready)
	}
	reasons := s.Missed
	if !s.Steady {
		reasons = append(reasons, "the queue grew")
	}
	if len(reasons) > 0 {
		line += "  (" + strings.Join(reasons, "; ") + ")"
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// WriteCapacity tells a person the answer.
func WriteCapacity(w io.Writer, c capacity.Found) error {
	t := table{labels: 10}
	t.WriteString("\n")
	switch {
	case c.Rate == 0:
		fmt.Fprintf(&t, "  No rate kept %s.\n", c.SLO)
	case !c.Bounded:
		t.row("capacity", "at least %.4g/s, the highest rate that was to be tried, keeps %s", c.Rate, c.SLO)
	default:
		t.row("capacity", "%.4g/s keeps %s", c.Rate, c.SLO)
	}
	var last capacity.Step
	if n := len(c.Steps); n > 0 {
		last = c.Steps[n-1]
	}
	if last.Ready > 0 && c.Rate > 0 {
		t.row("replicas", "%.4g/s for each of %d", c.Rate/float64(last.Ready), last.Ready)
		if last.Capacity > 0 {
			t.row("share", "of the %.4g/s that the replicas say they can do, %.0f %%", last.Capacity, 100*c.Rate/last.Capacity)
		}
	}
	for _, note := range last.Notes {
		t.row("note", "%s", note)
	}
	_, err := io.WriteString(w, t.String())
	return err
}
