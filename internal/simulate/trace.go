package simulate

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Trace is a rate of requests over time, one value a second.
type Trace struct {
	Name  string
	Rates []float64 // requests per second, of each second
	Bin   int       // seconds over which a rate was measured, and stays the same
}

// ReadTrace reads lines of second,rps after a line of that heading: the start of a bin and the mean rate in it, which holds until the
// next one starts. The last bin is as long as the one before it.
func ReadTrace(name string, r io.Reader) (Trace, error) {
	t := Trace{Name: name, Bin: math.MaxInt}
	lines := bufio.NewScanner(r)
	begin, rate := -1, 0.0
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || n == 1 && strings.HasPrefix(text, "second") {
			continue
		}
		second, next, err := parseBin(text)
		if err == nil && second <= begin {
			err = fmt.Errorf("second %d does not come after %d", second, begin)
		}
		if err == nil && second-begin > longestBin && begin >= 0 {
			err = fmt.Errorf("a bin of %d seconds: at most a day", second-begin)
		}
		if err != nil {
			return Trace{}, fmt.Errorf("trace %s, line %d: %w", name, n, err)
		}
		if begin >= 0 {
			t.hold(rate, second-begin)
		}
		begin, rate = second, next
	}
	if err := lines.Err(); err != nil {
		return Trace{}, fmt.Errorf("trace %s: %w", name, err)
	}
	if begin < 0 {
		return Trace{}, fmt.Errorf("trace %s has no line such as 0,12.5 (second,rps)", name)
	}
	t.hold(rate, min(t.Bin, longestBin))
	return t, nil
}

const longestBin = 86400

func (t *Trace) hold(rate float64, seconds int) {
	for range seconds {
		t.Rates = append(t.Rates, rate)
	}
	t.Bin = min(t.Bin, seconds)
}

func parseBin(text string) (second int, rate float64, err error) {
	at, value, ok := strings.Cut(text, ",")
	if !ok {
		return 0, 0, fmt.Errorf("%q: write second,rps such as 0,12.5", text)
	}
	if second, err = strconv.Atoi(strings.TrimSpace(at)); err != nil || second < 0 {
		return 0, 0, fmt.Errorf("%q: the second must be a whole number from 0", text)
	}
	if rate, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || !(rate >= 0) || rate > 1e6 {
		return 0, 0, fmt.Errorf("%q: the rate must be a number from 0 to 1000000", text)
	}
	return second, rate, nil
}

// FromRates is a trace of rates that each hold for some seconds; what is not a number counts as the one before it.
func FromRates(name string, rates []float64, seconds int) Trace {
	t := Trace{Name: name, Bin: math.MaxInt}
	before := 0.0
	for _, r := range rates {
		if !math.IsNaN(r) {
			before = r
		}
		t.hold(before, seconds)
	}
	return t
}

// Scaled is the trace with each rate times a factor.
func (t Trace) Scaled(factor float64) Trace {
	if factor == 1 {
		return t
	}
	scaled := t
	scaled.Name = fmt.Sprintf("%s*%g", t.Name, factor)
	scaled.Rates = make([]float64, len(t.Rates))
	for i, r := range t.Rates {
		scaled.Rates[i] = r * factor
	}
	return scaled
}

// WithBursts is the trace with bursts on top of it: so many times its mean rate, for so many seconds, on average one in so many seconds,
// at times that depend on the seed.
func (t Trace) WithBursts(times float64, seconds, every int, seed uint64) Trace {
	burst := t
	burst.Name, burst.Bin = t.Name+" with bursts", 1
	burst.Rates = append([]float64{}, t.Rates...)
	random := rand.New(rand.NewPCG(seed, 3))
	height := times * mean(t.Rates)
	for at := random.IntN(every); at < len(t.Rates); at += 2*seconds + random.IntN(2*every) {
		for i := at; i < min(at+seconds, len(t.Rates)); i++ {
			burst.Rates[i] += height
		}
	}
	return burst
}

// BusiestMinute is the mean rate of the minute, counted from the start, that has most requests.
func (t Trace) BusiestMinute() float64 {
	busiest := 0.0
	for from := 0; from < len(t.Rates); from += 60 {
		busiest = max(busiest, mean(t.Rates[from:min(from+60, len(t.Rates))]))
	}
	return busiest
}

// Requests is how many there are.
func (t Trace) Requests() float64 { return mean(t.Rates) * float64(len(t.Rates)) }

func (t Trace) firstMinute() float64 { return mean(t.Rates[:min(60, len(t.Rates))]) }

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
