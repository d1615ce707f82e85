package pace_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/pace"

	"pgregory.net/rapid"
)

func mustParse(t testing.TB, text string) pace.Profile {
	t.Helper()
	p, err := pace.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		text, canonical string
		duration        time.Duration
		requests        float64
		rates           map[time.Duration]float64
	}{
		{"constant:20/30s", "", 30 * time.Second, 600, map[time.Duration]float64{0: 20, 29 * time.Second: 20, 30 * time.Second: 0, -1: 0}},
		{"ramp:5..65/1m", "", time.Minute, 2100, map[time.Duration]float64{0: 5, 30 * time.Second: 35, 45 * time.Second: 50}},
		{"ramp:60..0/1m", "", time.Minute, 1800, map[time.Duration]float64{0: 60, 45 * time.Second: 15}},
		{"step:10,40,10/20s", "", time.Minute, 1200, map[time.Duration]float64{0: 10, 20 * time.Second: 40, 39 * time.Second: 40, 40 * time.Second: 10}},
		{"sine:20±15/60s/5m", "sine:20±15/1m/5m", 5 * time.Minute, 6000, map[time.Duration]float64{0: 20, 15 * time.Second: 35, 45 * time.Second: 5}},
		{"sine:20+-15/1m/5m", "sine:20±15/1m/5m", 5 * time.Minute, 6000, nil},
		{"spike:10→80/10s", "", 30 * time.Second, 1000, map[time.Duration]float64{9 * time.Second: 10, 10 * time.Second: 80, 19 * time.Second: 80, 20 * time.Second: 10}},
		{"spike:10->80/10s", "spike:10→80/10s", 30 * time.Second, 1000, nil},
	} {
		t.Run(c.text, func(t *testing.T) {
			p := mustParse(t, c.text)
			want := c.canonical
			if want == "" {
				want = c.text
			}
			if p.String() != want || p.Duration() != c.duration || math.Abs(p.Requests()-c.requests) > 1e-6 {
				t.Errorf("%s lasts %v with %v requests, want %s, %v, %v", p, p.Duration(), p.Requests(), want, c.duration, c.requests)
			}
			for at, rate := range c.rates {
				if got := p.Rate(at); math.Abs(got-rate) > 1e-6 {
					t.Errorf("rate at %v is %v, want %v", at, got, rate)
				}
			}
			if due := slices.Collect(p.Due(pace.Even())); len(due) != int(c.requests) {
				t.Errorf("%d requests are due, want %v", len(due), c.requests)
			}
		})
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		"constant":              "no kind",
		"linear:5/10s":          `kind "linear" is unknown`,
		"constant:20":           "0 durations, want 1",
		"constant:x/10s":        `"x" is not a rate`,
		"constant:-1/10s":       `"-1" is not a rate`,
		"constant:NaN/10s":      `"NaN" is not a rate`,
		"constant:1e9/10s":      "is not a rate from 0 to 1000000",
		"constant:5/soon":       `"soon" is not a duration`,
		"constant:5/-3s":        `"-3s" is not a duration`,
		"constant:5/10000h":     "is not a duration",
		"ramp:5-60/1m":          `has no ".."`,
		"step:10,,3/5s":         `"" is not a rate`,
		"step:10,20":            "no /duration",
		"sine:20±30/60s/5m":     "to below 0",
		"sine:20±3/60s":         "1 durations, want 2",
		"spike:10/3s":           `has no "→"`,
		"step:1,2,3,4,5/719h":   "lasts more than",
		"constant:20/30s/extra": "2 durations, want 1",
		"trace:load.csv":        "no file can be read here",
	} {
		if _, err := pace.Parse(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "constant:20/30s") {
			t.Errorf("%s: %v, want it to say %q and show the forms", text, err, says)
		}
	}
}

func TestOneShapeAfterAnother(t *testing.T) {
	p := mustParse(t, "constant:10/2s").Then(mustParse(t, "constant:1/3s"))
	due := slices.Collect(p.Due(pace.Even()))
	if p.Duration() != 5*time.Second || len(due) != 23 || p.String() != "constant:10/2s constant:1/3s" {
		t.Errorf("%s lasts %v and has %d requests", p, p.Duration(), len(due))
	}
	if due[0] > time.Microsecond || (due[20]-2*time.Second).Abs() > time.Microsecond || (due[22]-4*time.Second).Abs() > time.Microsecond {
		t.Errorf("due at %v, %v, %v", due[0], due[20], due[22])
	}
}

func TestPoissonIsSeeded(t *testing.T) {
	p := mustParse(t, "constant:100/60s")
	draw := func(seed uint64) []time.Duration { return slices.Collect(p.Due(pace.Poisson(seed))) }
	if !slices.Equal(draw(7), draw(7)) {
		t.Error("the same seed drew two schedules")
	}
	a, b := draw(7), draw(8)
	if slices.Equal(a, b) {
		t.Error("two seeds drew one schedule")
	}
	// Six standard deviations of a Poisson count with mean 6,000.
	if math.Abs(float64(len(a))-6000) > 6*math.Sqrt(6000) {
		t.Errorf("%d requests, want about 6000", len(a))
	}
	// Gaps of a Poisson process have a standard deviation equal to their mean.
	var sum, squares float64
	for i := 1; i < len(a); i++ {
		gap := (a[i] - a[i-1]).Seconds()
		sum, squares = sum+gap, squares+gap*gap
	}
	n := float64(len(a) - 1)
	if cv := math.Sqrt(squares/n-(sum/n)*(sum/n)) / (sum / n); cv < 0.9 || cv > 1.1 {
		t.Errorf("the gaps' coefficient of variation is %v, want 1", cv)
	}
}

// At every instant, as many evenly spaced requests have been due as the rate's integral says, to within one.
func TestEvenFollowsTheIntegral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(0, 200).Draw(t, "from")
		to := rapid.Float64Range(0, 200).Draw(t, "to")
		text := rapid.SampledFrom([]string{"ramp", "sine", "step"}).Draw(t, "kind")
		low, high := min(from, to), max(from, to)
		forms := map[string]string{
			"ramp": "ramp:" + ftoa(from) + ".." + ftoa(to) + "/10s",
			"sine": "sine:" + ftoa(high) + "±" + ftoa(low) + "/4s/10s",
			"step": "step:" + ftoa(from) + "," + ftoa(to) + "/5s",
		}
		p, err := pace.Parse(forms[text])
		if err != nil {
			t.Fatal(err)
		}
		expected, k := 0.0, 0
		last := time.Duration(-1)
		for due := range p.Due(pace.Even()) {
			if due < last || due > p.Duration() {
				t.Fatalf("request %d of %s is due at %v, after one at %v", k, p, due, last)
			}
			const step = time.Millisecond
			for ; last < due-step; last += step {
				expected += p.Rate(last+step/2) * step.Seconds()
			}
			k++
		}
		if n := p.Requests(); math.Abs(float64(k)-n) > 1 {
			t.Fatalf("%s: %d requests were due, the integral is %v", p, k, n)
		}
		if math.Abs(expected-float64(k)) > 2+0.01*float64(k) {
			t.Fatalf("%s: %d requests were due, the rates sum to %v", p, k, expected)
		}
	})
}

func ftoa(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"constant:20/30s", "ramp:5..60/1m", "step:10,40,10/20s", "sine:20±15/60s/5m", "spike:10→80/10s", "x", "step:/1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pace.Parse(text)
		if err != nil {
			return
		}
		again, err := pace.Parse(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, p, again, err)
		}
		if d := p.Duration(); d <= 0 || math.IsNaN(p.Requests()) || p.Requests() < 0 {
			t.Fatalf("%q lasts %v with %v requests", text, d, p.Requests())
		}
	})
}
