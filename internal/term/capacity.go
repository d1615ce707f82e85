package term

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/capacity"
	"resnet-autoscaling/internal/summary"
)

// WriteStep tells a person of one step.
func WriteStep(w io.Writer, s capacity.Step) error {
	verdict := "kept  "
	if !s.Kept {
		verdict = "MISSED"
	}
	line := fmt.Sprintf("  %8.4g/s  %s  answered %.4g/s, p50 %.1f ms, p99 %.1f ms, lost %d of %d", s.Rate, verdict, s.Achieved, s.P50, s.P99, s.Lost, s.Requests)
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
	var b strings.Builder
	switch {
	case c.Rate == 0:
		fmt.Fprintf(&b, "\n  No rate kept %s.\n", c.SLO)
	case !c.Bounded:
		fmt.Fprintf(&b, "\n  capacity  at least %.4g/s, the highest rate that was to be tried, keeps %s\n", c.Rate, c.SLO)
	default:
		fmt.Fprintf(&b, "\n  capacity  %.4g/s keeps %s\n", c.Rate, c.SLO)
	}
	if n := len(c.Steps); n > 0 && c.Steps[n-1].Ready > 0 && c.Rate > 0 {
		last := c.Steps[n-1]
		fmt.Fprintf(&b, "  %-10s%.4g/s for each of %d\n", "replicas", c.Rate/float64(last.Ready), last.Ready)
		if last.Capacity > 0 {
			fmt.Fprintf(&b, "  %-10sof the %.4g/s that the replicas say they can do, %.0f %%\n", "share", last.Capacity, 100*c.Rate/last.Capacity)
		}
	}
	if n := len(c.Steps); n > 0 {
		for _, note := range c.Steps[n-1].Notes {
			fmt.Fprintf(&b, "  note      %s\n", note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteComparison tells a person how two tests differ.
func WriteComparison(w io.Writer, c summary.Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-18s%12s%12s%9s  %s\n", "", "baseline", "now", "ratio", "must be")
	for _, m := range c.Measures {
		ratio, mark := "–", ""
		if m.Ratio > 0 {
			ratio = fmt.Sprintf("%.3f", m.Ratio)
		}
		if m.Regression {
			mark = "  WORSE"
		}
		fmt.Fprintf(&b, "  %-18s%12.2f%12.2f%9s  %s%s\n", m.Name+" "+m.Unit, m.Baseline, m.Now, ratio, m.Judged, mark)
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "  note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
