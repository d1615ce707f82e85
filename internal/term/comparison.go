package term

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/summary"
)

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
