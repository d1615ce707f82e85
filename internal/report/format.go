package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count groups thousands by narrow spaces.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// share is a percentage; one that is nearly all or nearly nothing never rounds to all or nothing.
func share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	percent := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && percent < 0.01:
		return "< 0.01 %"
	case part < whole && percent > 99.99:
		return "> 99.99 %"
	case percent == math.Trunc(percent):
		return fmt.Sprintf("%.0f %%", percent)
	default:
		return fmt.Sprintf("%.2f %%", percent)
	}
}

func size(n int64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if float64(n) >= unit.size {
			return significant(float64(n)/unit.size) + " " + unit.name
		}
	}
	return fmt.Sprintf("%d B", n)
}

func rate(v float64) string { return significant(v) + "/s" }

// significant is a figure to three digits, never in scientific form.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	places := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', min(places, 3), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func milliseconds(ms float64) string {
	if ms >= 1000 {
		return significant(ms/1000) + " s"
	}
	return significant(ms) + " ms"
}

// clock is a stretch or a point of time as a person says it: 12.5 s, 3:05, 1:00:00.
func clock(seconds float64) string {
	if seconds < 60 {
		return significant(seconds) + " s"
	}
	d := time.Duration(math.Round(seconds)) * time.Second
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	return fmt.Sprintf("%d:%02d", m, s)
}
