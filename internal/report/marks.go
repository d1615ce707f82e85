package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// mark is a decision of the autoscaler's on the time axis.
type mark struct {
	At          float64 // percent of the axis
	Sign        string
	Clock, Text string
	Late        bool // it stands so far right that its words have to go left
}

// half of the axis: from there on words go left.
const half = 50

func marks(t timeline, decisions []summary.Decision) []mark {
	var all []mark
	for _, d := range decisions {
		if d.Second > t.end {
			continue
		}
		at := percent(d.Second / t.end)
		all = append(all, mark{At: at, Sign: sign(d.Text), Clock: clock(d.Second), Text: d.Text, Late: at > half})
	}
	return all
}

var step = regexp.MustCompile(`^([0-9]+)→([0-9]+)`)

// sign tells a decision's direction at a glance.
func sign(text string) string {
	m := step.FindStringSubmatch(text)
	if m == nil {
		return "◆"
	}
	from, errFrom := strconv.Atoi(m[1])
	to, errTo := strconv.Atoi(m[2])
	switch {
	case errFrom != nil || errTo != nil || from == to:
		return "◆"
	case to > from:
		return "▲"
	default:
		return "▼"
	}
}

// markLines is a vertical line for each decision through a panel.
func markLines(t timeline, decisions []summary.Decision, height int) string {
	var d strings.Builder
	for _, one := range marks(t, decisions) {
		fmt.Fprintf(&d, "M%s 0V%d", short(breadth*one.At/100), height)
	}
	return d.String()
}
