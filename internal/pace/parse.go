package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Forms teaches the text forms of a profile.
const Forms = `constant:20/30s, ramp:5..60/1m, step:10,40,10/20s (each level for 20 s), sine:20±15/60s/5m (period 60 s; or 20+-15), ` +
	`spike:10→80/10s (10 s before it, 10 s of it, 10 s after; or 10->80), ` +
	`trace:FILE.csv*0.5@10x (lines of second,rps; half the rates, in a tenth of the time)`

// fastest is beyond any machine; it keeps a slip of the finger from making a schedule without end.
const fastest = 1e6

// Parse reads one shape that its text says all of: constant, ramp, step, sine or spike. Rates are requests per second.
func Parse(text string) (Profile, error) { return ParseFrom(text, nil) }

// ParseFrom reads one shape, also a trace, from a file that open opens.
func ParseFrom(text string, open Open) (Profile, error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok {
		return Profile{}, fmt.Errorf("profile %q has no kind: write %s", text, Forms)
	}
	parse, ok := parsers[kind]
	if kind == "trace" {
		parse, ok = func(rest string) (shape, error) { return parseTrace(rest, open) }, true
	}
	if !ok {
		return Profile{}, fmt.Errorf("profile %q: kind %q is unknown: write %s", text, kind, Forms)
	}
	s, err := parse(rest)
	if err != nil {
		return Profile{}, fmt.Errorf("profile %q: %w: write %s", text, err, Forms)
	}
	return Profile{shapes: []shape{s}}, nil
}

var parsers = map[string]func(string) (shape, error){
	"constant": parseConstant,
	"ramp":     parseRamp,
	"step":     parseStep,
	"sine":     parseSine,
	"spike":    parseSpike,
}

func parseConstant(text string) (shape, error) {
	rates, times, err := fields(text, []string{}, 1)
	if err != nil {
		return nil, err
	}
	return line{rates[0], rates[0], times[0]}, nil
}

func parseRamp(text string) (shape, error) {
	rates, times, err := fields(text, []string{".."}, 1)
	if err != nil {
		return nil, err
	}
	return line{rates[0], rates[1], times[0]}, nil
}

func parseSpike(text string) (shape, error) {
	rates, times, err := fields(strings.Replace(text, "->", "→", 1), []string{"→"}, 1)
	if err != nil {
		return nil, err
	}
	text = fmt.Sprintf("spike:%s→%s/%s", number(rates[0]), number(rates[1]), span(times[0]))
	return evenStairs([]float64{rates[0], rates[1], rates[0]}, times[0], text), nil
}

func parseSine(text string) (shape, error) {
	rates, times, err := fields(strings.Replace(text, "+-", "±", 1), []string{"±"}, 2)
	if err != nil {
		return nil, err
	}
	if rates[1] > rates[0] {
		return nil, fmt.Errorf("it swings by %s around %s, to below 0", number(rates[1]), number(rates[0]))
	}
	return wave{rates[0], rates[1], times[0], times[1]}, nil
}

func parseStep(text string) (shape, error) {
	levels, duration, ok := strings.Cut(text, "/")
	if !ok {
		return nil, fmt.Errorf("it has no /duration")
	}
	each, err := seconds(duration)
	if err != nil {
		return nil, err
	}
	var rates []float64
	for level := range strings.SplitSeq(levels, ",") {
		r, err := rate(level)
		if err != nil {
			return nil, err
		}
		rates = append(rates, r)
	}
	if each*float64(len(rates)) > longest.Seconds() {
		return nil, fmt.Errorf("it lasts more than %v", longest)
	}
	return evenStairs(rates, each, fmt.Sprintf("step:%s/%s", numbers(rates), span(each))), nil
}

// fields splits "RATE[SEPARATOR RATE]/DURATION[/DURATION]".
func fields(text string, separators []string, durations int) (rates, times []float64, err error) {
	parts := strings.Split(text, "/")
	if len(parts) != 1+durations {
		return nil, nil, fmt.Errorf("it has %d durations, want %d", len(parts)-1, durations)
	}
	rest := parts[0]
	for _, separator := range separators {
		before, after, ok := strings.Cut(rest, separator)
		if !ok {
			return nil, nil, fmt.Errorf("%q has no %q", rest, separator)
		}
		r, err := rate(before)
		if err != nil {
			return nil, nil, err
		}
		rates, rest = append(rates, r), after
	}
	last, err := rate(rest)
	if err != nil {
		return nil, nil, err
	}
	for _, part := range parts[1:] {
		s, err := seconds(part)
		if err != nil {
			return nil, nil, err
		}
		times = append(times, s)
	}
	return append(rates, last), times, nil
}

func rate(text string) (float64, error) {
	r, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(r) || r < 0 || r > fastest {
		return 0, fmt.Errorf("%q is not a rate from 0 to %.0f", text, fastest)
	}
	return r, nil
}

func seconds(text string) (float64, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < time.Millisecond || d > longest {
		return 0, fmt.Errorf("%q is not a duration from 1ms to %v", text, longest)
	}
	return d.Seconds(), nil
}
