package summary

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// SLO is an objective such as p99<250ms, errors<0.1%, wrong<=1% or per-replica>=10/s: a measure, a comparison, a bound.
type SLO struct {
	text     string
	quantile float64 // of latency, in percent; 0: another measure
	share    string  // "errors" or "wrong", or perReplicaMeasure
	strict   bool    // < rather than <=
	bound    float64 // milliseconds, a share from 0 to 1, or answers per second
}

// Verdict is an SLO and what was measured.
type Verdict struct {
	SLO      string `json:"slo"`
	Measured string `json:"measured"`
	Kept     bool   `json:"kept"`
}

const sloForms = "write p99<250ms (any percentile, or max), errors<0.1%, errors<=0%, wrong<1% or per-replica>=10/s"

// perReplicaMeasure is good answers per second and ready replica while all of them had work.
const perReplicaMeasure = "per-replica"

var replicaSyntax = regexp.MustCompile(`^per-replica\s*(>=?)\s*([0-9]+(?:\.[0-9]+)?)/s$`)

var sloSyntax = regexp.MustCompile(`^(p[0-9]{1,2}(?:\.[0-9]+)?|p999|p9999|max|errors|wrong)\s*(<=?)\s*(\S+)$`)

// ParseSLO reads an objective.
func ParseSLO(text string) (SLO, error) {
	if m := replicaSyntax.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		least, err := strconv.ParseFloat(m[2], 64)
		return SLO{text: strings.TrimSpace(text), share: perReplicaMeasure, strict: m[1] == ">", bound: least}, err
	}
	m := sloSyntax.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return SLO{}, fmt.Errorf("SLO %q is not understood: %s", text, sloForms)
	}
	s := SLO{text: strings.TrimSpace(text), strict: m[2] == "<"}
	var err error
	switch m[1] {
	case "errors", "wrong":
		s.share = m[1]
		s.bound, err = percent(m[3])
	case "max":
		s.quantile = 100
		s.bound, err = bound(m[3])
	default:
		s.quantile = percentile(m[1][1:])
		s.bound, err = bound(m[3])
	}
	if err != nil {
		return SLO{}, fmt.Errorf("SLO %q: %w: %s", text, err, sloForms)
	}
	return s, nil
}

// UnmarshalText parses an SLO on a command line.
func (s *SLO) UnmarshalText(text []byte) error {
	parsed, err := ParseSLO(string(text))
	*s = parsed
	return err
}

// String is the SLO as it was written.
func (s SLO) String() string { return s.text }

// Latency is the percentile and the bound, in milliseconds, of an objective on latency; ok is false for one on a share.
func (s SLO) Latency() (percentile, boundMS float64, ok bool) {
	return s.quantile, s.bound, s.share == ""
}

// percentile reads 50, 99.9, and the habit of writing 999 for 99.9.
func percentile(digits string) float64 {
	if len(digits) > 2 && !strings.Contains(digits, ".") {
		digits = digits[:2] + "." + digits[2:]
	}
	q, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		panic("summary: the syntax let " + digits + " through") // unreachable: the expression admits digits only
	}
	return q
}

func bound(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	return float64(d) / float64(time.Millisecond), nil
}

func percent(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || math.IsNaN(v) || v < 0 || v > 100 {
		return 0, fmt.Errorf("%q is not a percentage", text)
	}
	return v / 100, nil
}

// judge holds the SLO against what was recorded. Without a single good answer no latency is kept, and no replica's throughput where
// none was ever fully loaded.
func (s SLO) judge(t *totals, per *PerReplica) Verdict {
	v := Verdict{SLO: s.text}
	measured, known := 0.0, true
	switch s.share {
	case "errors":
		failed, total := t.failures()
		measured, known = ratio(failed, total)
		v.Measured = fmt.Sprintf("%.3g%% (%d of %d)", 100*measured, failed, total)
	case "wrong":
		measured, known = ratio(t.wrong, t.checked)
		v.Measured = fmt.Sprintf("%.3g%% (%d of %d)", 100*measured, t.wrong, t.checked)
	case perReplicaMeasure:
		return s.judgeReplica(v, per)
	default:
		measured, known = t.quantile(s.quantile), t.latency.TotalCount() > 0
		v.Measured = duration(measured)
	}
	if !known {
		v.Measured = "nothing was measured"
		return v
	}
	v.Kept = measured < s.bound || (!s.strict && measured == s.bound)
	return v
}

func (s SLO) judgeReplica(v Verdict, per *PerReplica) Verdict {
	switch {
	case per == nil:
		v.Measured = "nothing was measured: how many replicas were ready is not known"
	case per.BusySeconds == 0:
		v.Measured = "nothing was measured: in no second had every ready replica work waiting"
	default:
		v.Measured = fmt.Sprintf("%.3g/s, over %d busy seconds", per.BusyOK, per.BusySeconds)
		v.Kept = per.BusyOK > s.bound || (!s.strict && per.BusyOK == s.bound)
	}
	return v
}

// failures are the failed requests, and all. One that the tester itself gave up, because the test was ended, says nothing about the
// server, and is neither.
func (t *totals) failures() (failed, total int64) {
	for kind, n := range t.counts {
		switch kind {
		case Canceled:
		case OK:
			total += n
		default:
			total, failed = total+n, failed+n
		}
	}
	return failed, total
}

func duration(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%.2fs", ms/1000)
	}
	return fmt.Sprintf("%.1fms", ms)
}

func ratio(part, whole int64) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}
