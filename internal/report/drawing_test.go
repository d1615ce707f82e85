package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTimeTicks(t *testing.T) {
	for end, want := range map[float64]string{
		0.2:      "0 s, 0.05 s, 0.1 s, 0.15 s, 0.2 s",
		5:        "0 s, 1 s, 2 s, 3 s, 4 s, 5 s",
		30:       "0 s, 5 s, 10 s, 15 s, 20 s, 25 s, 30 s",
		180.4:    "0:00, 0:30, 1:00, 1:30, 2:00, 2:30, 3:00",
		3600:     "0:00:00, 0:10:00, 0:20:00, 0:30:00, 0:40:00, 0:50:00, 1:00:00",
		30 * 864: "0:00:00, 1:00:00, 2:00:00, 3:00:00, 4:00:00, 5:00:00, 6:00:00, 7:00:00",
	} {
		var labels []string
		for _, tick := range timeTicks(end) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, ", "); got != want {
			t.Errorf("%v s: %s, want %s", end, got, want)
		}
	}
}

func TestScales(t *testing.T) {
	for name, test := range map[string]struct {
		scale scale
		want  string
	}{
		"nothing":       {linear(0, false), "0 0.5 1"},
		"rates":         {linear(43, false), "0 20 40 60"},
		"few replicas":  {linear(1, true), "0 1"},
		"replicas":      {linear(7, true), "0 2 4 6 8"},
		"close":         {positive(30, 80), "0 20 40 60 80"},
		"far":           {positive(30, 900), "20 50 100 200 500 1000"},
		"very far":      {positive(0.3, 45000), "1 10 100 1000 10000"},
		"nothing to 30": {positive(0, 30), "0 10 20 30"},
	} {
		got := strings.Trim(fmt.Sprint(test.scale.ticks), "[]")
		if got != test.want {
			t.Errorf("%s: ticks %s, want %s", name, got, test.want)
		}
	}
}

func TestAScaleHoldsItsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(0.1, 1e6).Draw(t, "low")
		high := low * rapid.Float64Range(1, 1e5).Draw(t, "times")
		s := positive(low, high)
		if a, b := s.at(low), s.at(high); a < -1e-6 || b > 1+1e-6 || a > b || len(s.ticks) < 2 || len(s.ticks) > 9 {
			t.Fatalf("from %v to %v: at %v and %v, ticks %v", low, high, a, b, s.ticks)
		}
	})
}

// Labels neither cover each other nor change their order, and stay beside the panel where it is high enough.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const height = 120
		tops := rapid.SliceOfN(rapid.IntRange(0, height), 1, 6).Draw(t, "tops")
		labels := make([]endLabel, len(tops))
		for i, top := range tops {
			labels[i] = endLabel{Top: top}
		}
		labels = spread(labels, height)
		for i, l := range labels {
			if i > 0 && l.Top < labels[i-1].Top+lineHeight {
				t.Fatalf("%v: labels at %d and %d", tops, labels[i-1].Top, l.Top)
			}
			if l.Top < -lineHeight || l.Top > height {
				t.Fatalf("%v: a label at %d", tops, l.Top)
			}
		}
	})
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1234567): "1\u202f234\u202f567",
		share(0, 10): "0 %", share(10, 10): "100 %", share(1, 100000): "< 0.01 %", share(99999, 100000): "> 99.99 %", share(1, 3): "33.33 %", share(0, 0): "–",
		milliseconds(0.42): "0.42 ms", milliseconds(12.34): "12.3 ms", milliseconds(1234): "1.23 s", milliseconds(61000): "61 s",
		clock(0.25): "0.25 s", clock(59.4): "59.4 s", clock(65): "1:05", clock(3725): "1:02:05",
		size(999): "999 B", size(407e6): "407 MB", size(11.8e9): "11.8 GB",
		significant(1234.5): "1234", significant(0.001): "0.001",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Text and lines against what they stand on, in light and in dark: WCAG 2 asks for a contrast of 4.5 for text.
func TestContrast(t *testing.T) {
	schemes := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(pageCSS, -1)
	if len(schemes) != 3 {
		t.Fatalf("%d colour schemes, want light, dark and print", len(schemes))
	}
	for i, scheme := range schemes {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{3,6})`).FindAllStringSubmatch(scheme[1], -1) {
			colours[m[1]] = m[2]
		}
		pairs := []string{"kept kept-ground", "missed missed-ground", "note note-ground", "text kept-ground", "text missed-ground", "text note-ground"}
		for _, on := range []string{"ground", "raised"} {
			for _, c := range []string{"text", "quiet"} {
				pairs = append(pairs, c+" "+on)
			}
		}
		for _, c := range []string{"asked", "achieved", "failed", "p50", "p99", "slo", "ready", "desired", "kept", "missed", "flight", "queue", "cpu", "mark", "capacity"} {
			pairs = append(pairs, c+" ground")
		}
		for _, pair := range pairs {
			front, back, _ := strings.Cut(pair, " ")
			if c := contrast(t, colours[front], colours[back]); c < 4.5 {
				t.Errorf("scheme %d: %s has a contrast of %.2f", i, pair, c)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is WCAG 2's relative luminance.
func luminance(t *testing.T, hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	v, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	channel := func(c uint64) float64 {
		s := float64(c&255) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(v>>16) + 0.7152*channel(v>>8) + 0.0722*channel(v)
}
