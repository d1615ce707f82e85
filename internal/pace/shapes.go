package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// line is a rate that goes straight from one value to another.
type line struct {
	from, to, length float64
}

func (l line) seconds() float64       { return l.length }
func (l line) rate(t float64) float64 { return l.from + (l.to-l.from)*t/l.length }

func (l line) integral(t float64) float64 { return l.from*t + (l.to-l.from)*t*t/(2*l.length) }

func (l line) String() string {
	if l.from == l.to {
		return fmt.Sprintf("constant:%s/%s", number(l.from), span(l.length))
	}
	return fmt.Sprintf("ramp:%s..%s/%s", number(l.from), number(l.to), span(l.length))
}

// wave swings around its mean.
type wave struct {
	mean, swing, period, length float64
}

func (w wave) seconds() float64       { return w.length }
func (w wave) rate(t float64) float64 { return w.mean + w.swing*math.Sin(2*math.Pi*t/w.period) }

func (w wave) integral(t float64) float64 {
	turn := 2 * math.Pi / w.period
	return w.mean*t + w.swing/turn*(1-math.Cos(turn*t))
}

func (w wave) String() string {
	return fmt.Sprintf("sine:%s±%s/%s/%s", number(w.mean), number(w.swing), span(w.period), span(w.length))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func numbers(vs []float64) string {
	texts := make([]string, len(vs))
	for i, v := range vs {
		texts[i] = number(v)
	}
	return strings.Join(texts, ",")
}

// span is a duration without the zero parts that time.Duration prints: 1m, not 1m0s.
func span(seconds float64) string {
	text := toDuration(seconds).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// longest is far beyond any load test, and short enough that seconds stay exact to the microsecond.
const longest = 30 * 24 * time.Hour
