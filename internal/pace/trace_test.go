package pace_test

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/pace"
)

// holding opens one file, whatever its name.
func holding(text string) pace.Open {
	return func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

const recordedLoad = "second,rps\n60,10\n120,40\n240,0\n300,20\n"

func TestATraceIsScaledAndSpedUp(t *testing.T) {
	for text, want := range map[string]struct {
		duration time.Duration
		requests float64
		rates    map[time.Duration]float64
	}{
		"trace:load.csv":         {5 * time.Minute, 10*60 + 40*120 + 20*60, map[time.Duration]float64{0: 10, time.Minute: 40, 179 * time.Second: 40, 3 * time.Minute: 0, 299 * time.Second: 20}},
		"trace:load.csv*0.5":     {5 * time.Minute, 5*60 + 20*120 + 10*60, map[time.Duration]float64{0: 5, time.Minute: 20}},
		"trace:load.csv@10x":     {30 * time.Second, 10*6 + 40*12 + 20*6, map[time.Duration]float64{0: 10, 6 * time.Second: 40, 18 * time.Second: 0}},
		"trace:load.csv*0.5@10x": {30 * time.Second, 5*6 + 20*12 + 10*6, map[time.Duration]float64{0: 5, 29 * time.Second: 10}},
		"trace:a@b*c.csv*2@2x":   {150 * time.Second, 20*30 + 80*60 + 40*30, nil},
	} {
		p, err := pace.ParseFrom(text, func(name string) (io.ReadCloser, error) {
			if name != "load.csv" && name != "a@b*c.csv" {
				t.Errorf("%s opens %q", text, name)
			}
			return holding(recordedLoad)(name)
		})
		if err != nil || p.Duration() != want.duration || math.Abs(p.Requests()-want.requests) > 1e-6 || p.String() != text {
			t.Errorf("%s: %s lasts %v with %v requests, %v; want %v and %v", text, p, p.Duration(), p.Requests(), err, want.duration, want.requests)
		}
		for at, rate := range want.rates {
			if got := p.Rate(at); got != rate {
				t.Errorf("%s: rate at %v is %v, want %v", text, at, got, rate)
			}
		}
	}
}

func TestATraceThatCannotBe(t *testing.T) {
	gone := func(string) (io.ReadCloser, error) { return nil, fmt.Errorf("open load.csv: gone") }
	for name, c := range map[string]struct {
		text string
		open pace.Open
		says string
	}{
		"no file":        {"trace:load.csv", gone, "open load.csv: gone"},
		"no name":        {"trace:*2", holding(recordedLoad), "names no file"},
		"no scale":       {"trace:load.csv*much", holding(recordedLoad), `"much" is not a factor`},
		"scale of none":  {"trace:load.csv*0", holding(recordedLoad), `"0" is not a factor`},
		"no speed":       {"trace:load.csv@x", holding(recordedLoad), `"" is not a factor`},
		"empty":          {"trace:load.csv", holding(""), "first line must be second,rps"},
		"other head":     {"trace:load.csv", holding("time,load\n0,1\n1,1\n"), "first line must be second,rps"},
		"one line":       {"trace:load.csv", holding("second,rps\n0,1\n"), "at least two lines"},
		"no number":      {"trace:load.csv", holding("second,rps\n0,1\nsoon,1\n"), `line 3: "soon" is not a second`},
		"negative":       {"trace:load.csv", holding("second,rps\n0,1\n1,-1\n"), `line 3: "-1" is not a rate`},
		"not in order":   {"trace:load.csv", holding("second,rps\n0,1\n5,1\n4,1\n"), "line 4: second 4 does not come after 5"},
		"too many cells": {"trace:load.csv", holding("second,rps\n0,1,2\n"), "wrong number of fields"},
		"too fast":       {"trace:load.csv*1e6", holding(recordedLoad), "more than 1000000"},
		"too long":       {"trace:load.csv@0.00001x", holding(recordedLoad), "lasts more than"},
	} {
		if _, err := pace.ParseFrom(c.text, c.open); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
}

// In every second of every kind of profile, alone and one after another, as many requests are due as its formula says, to within 2 %.
func TestEachSecondHasWhatItsFormulaSays(t *testing.T) {
	formulas := map[string]func(t float64) float64{
		"constant:200/60s":       func(float64) float64 { return 200 },
		"ramp:100..700/60s":      func(t float64) float64 { return 100 + 600*t/60 },
		"step:100,400,150/20s":   func(t float64) float64 { return []float64{100, 400, 150}[min(2, int(t/20))] },
		"sine:300±200/30s/60s":   func(t float64) float64 { return 300 + 200*math.Sin(2*math.Pi*t/30) },
		"spike:100→800/20s":      func(t float64) float64 { return []float64{100, 800, 100}[min(2, int(t/20))] },
		"trace:load.csv*20@5.0x": func(t float64) float64 { return []float64{200, 800, 800, 0, 400}[min(4, int(t/12))] },
	}
	for text, formula := range formulas {
		for _, before := range []string{"", "constant:100/10s"} {
			p, err := pace.ParseFrom(text, holding(recordedLoad))
			if err != nil {
				t.Fatal(err)
			}
			skip := 0.0
			if before != "" {
				skip = 10
				p = mustParse(t, before).Then(p)
			}
			counts := make([]float64, int(p.Duration().Seconds()))
			for due := range p.Due(pace.Even()) {
				counts[min(len(counts)-1, int(due.Seconds()+1e-9))]++
			}
			for second := int(skip); second < len(counts); second++ {
				want, got := mean(formula, float64(second)-skip), counts[second]
				if math.Abs(got-want) > 1+0.02*want {
					t.Errorf("%s %s: second %d has %v requests, its formula says %v", before, text, second, got, want)
				}
			}
		}
	}
}

// mean is what a formula gives over one second.
func mean(formula func(float64) float64, from float64) float64 {
	const parts = 100
	sum := 0.0
	for i := range parts {
		sum += formula(from + (float64(i)+0.5)/parts)
	}
	return sum / parts
}

// Poisson arrivals of a changing rate are as many, over ten seconds at a time, as the formula says, to within five standard deviations.
func TestPoissonFollowsTheFormula(t *testing.T) {
	p := mustParse(t, "sine:300±200/30s/60s")
	due := slices.Collect(p.Due(pace.Poisson(4)))
	for from := 0.0; from < 60; from += 10 {
		got, want := 0.0, 0.0
		for _, d := range due {
			if d.Seconds() >= from && d.Seconds() < from+10 {
				got++
			}
		}
		for s := range 10 {
			want += mean(func(t float64) float64 { return 300 + 200*math.Sin(2*math.Pi*t/30) }, from+float64(s))
		}
		if math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("from %v s: %v requests, want about %v", from, got, want)
		}
	}
}
