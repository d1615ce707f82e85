package scaling

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Step is how far one scaling policy lets replicas move within a period: by a number of pods, or by a percentage of what there was
// when the period began.
type Step struct {
	Pods    int // 0: Percent holds
	Percent int
	Period  time.Duration
}

// ParseStep reads "4/15s" or "100%/15s".
func ParseStep(text string) (Step, error) {
	amount, period, ok := strings.Cut(text, "/")
	if !ok {
		return Step{}, fmt.Errorf("%q: write an amount and a period, such as 4/15s or 100%%/15s", text)
	}
	var s Step
	d, err := time.ParseDuration(period)
	if err != nil || d <= 0 || d > 30*time.Minute {
		return Step{}, fmt.Errorf("%q: the period %q must be a duration up to 30m, such as 15s", text, period)
	}
	s.Period = d
	number, percent := strings.CutSuffix(amount, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 1_000_000 {
		return Step{}, fmt.Errorf("%q: the amount %q must be a whole number of pods, or a percentage such as 100%%", text, amount)
	}
	if percent {
		s.Percent = n
	} else {
		s.Pods = n
	}
	return s, nil
}

// UnmarshalText is ParseStep.
func (s *Step) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStep(string(text))
	return err
}

// String is what ParseStep reads.
func (s Step) String() string {
	if s.Pods > 0 {
		return fmt.Sprintf("%d/%s", s.Pods, short(s.Period))
	}
	return fmt.Sprintf("%d%%/%s", s.Percent, short(s.Period))
}

// short writes 1m for 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if trimmed, ok := strings.CutSuffix(text, "m0s"); ok {
		text = trimmed + "m"
	}
	return text
}

// highest is how many replicas the steps allow now; the most generous step holds.
func highest(steps []Step, current int, past []Decision, now time.Time) int {
	limit := math.MinInt
	for _, s := range steps {
		begin := current - moved(past, now.Add(-s.Period))
		if s.Pods > 0 {
			limit = max(limit, begin+s.Pods)
		} else {
			limit = max(limit, ceil(float64(begin)*(1+float64(s.Percent)/100)))
		}
	}
	return max(limit, current)
}

// lowest is how few replicas the steps allow now; the most generous step holds.
func lowest(steps []Step, current int, past []Decision, now time.Time) int {
	limit := math.MaxInt
	for _, s := range steps {
		begin := current - moved(past, now.Add(-s.Period))
		if s.Pods > 0 {
			limit = min(limit, begin-s.Pods)
		} else {
			limit = min(limit, int(float64(begin)*(1-float64(s.Percent)/100)))
		}
	}
	return min(max(0, limit), current)
}

// moved is by how much past decisions changed the replicas since a time.
func moved(past []Decision, since time.Time) int {
	total := 0
	for _, d := range past {
		if d.Applied && d.At.After(since) {
			total += d.To - d.From
		}
	}
	return total
}

// stabilize keeps a recommendation from flapping: up only as far as the lowest recommendation of the up window, down only as far as
// the highest one of the down window.
func stabilize(recommended, current int, past []Decision, now time.Time, upWindow, downWindow time.Duration) int {
	least, most := recommended, recommended
	for _, d := range past {
		if d.At.After(now.Add(-upWindow)) {
			least = min(least, d.Recommended)
		}
		if d.At.After(now.Add(-downWindow)) {
			most = max(most, d.Recommended)
		}
	}
	return min(max(current, least), most)
}
