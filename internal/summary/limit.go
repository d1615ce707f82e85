package summary

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limit is where a test is called off, such as errors>5% or p99>2s/30s: a measure over the last seconds, and what it must not exceed.
type Limit struct {
	text     string
	quantile float64 // of latency, in percent; 0: the share of errors
	bound    float64 // milliseconds, or a share from 0 to 1
	window   int     // seconds
}

const limitForms = "write errors>5% or p99>2s (over the last 10 s), or errors>5%/30s for another stretch up to 1m"

var limitSyntax = regexp.MustCompile(`^(p[0-9]{1,2}(?:\.[0-9]+)?|p999|max|errors)\s*>\s*([^/\s]+)(?:/(\S+))?$`)

// ParseLimit reads a limit.
func ParseLimit(text string) (Limit, error) {
	m := limitSyntax.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Limit{}, fmt.Errorf("limit %q is not understood: %s", text, limitForms)
	}
	l := Limit{text: strings.TrimSpace(text), window: window}
	var err error
	switch m[1] {
	case "errors":
		l.bound, err = percent(m[2])
	case "max":
		l.quantile = 100
		l.bound, err = bound(m[2])
	default:
		l.quantile = percentile(m[1][1:])
		l.bound, err = bound(m[2])
	}
	if err == nil && m[3] != "" {
		l.window, err = wholeSeconds(m[3])
	}
	if err != nil {
		return Limit{}, fmt.Errorf("limit %q: %w: %s", text, err, limitForms)
	}
	return l, nil
}

func wholeSeconds(text string) (int, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > longestWindow*time.Second || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is not a stretch of whole seconds up to %ds", text, longestWindow)
	}
	return int(d / time.Second), nil
}

// UnmarshalText parses a limit on a command line.
func (l *Limit) UnmarshalText(text []byte) error {
	parsed, err := ParseLimit(string(text))
	*l = parsed
	return err
}

// String is the limit as it was written.
func (l Limit) String() string { return l.text }

// Broken tells whether a limit is exceeded at an instant of the test, and says by what. No limit is before its whole window is over.
func (r *Recorder) Broken(l Limit, now time.Duration) (by string, broken bool) {
	if now < time.Duration(l.window)*time.Second {
		return "", false
	}
	last := r.recent.until(now, l.window)
	good := last.latency.TotalCount()
	if l.quantile > 0 {
		ms := float64(last.quantile(l.quantile)) / float64(time.Millisecond)
		return fmt.Sprintf("%s: %s over the last %d s", l.text, duration(ms), l.window), good > 0 && ms > l.bound
	}
	share, known := ratio(last.failed, good+last.failed)
	return fmt.Sprintf("%s: %s%% (%d of %d) over the last %d s", l.text, strconv.FormatFloat(100*share, 'g', 3, 64), last.failed, good+last.failed, l.window),
		known && share > l.bound
}
