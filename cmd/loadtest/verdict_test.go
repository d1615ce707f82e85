package main

import (
	"strings"
	"testing"

	"resnet-autoscaling/internal/summary"
)

func TestVerdict(t *testing.T) {
	missed := []summary.Verdict{{SLO: "p99<1ms"}}
	for name, c := range map[string]struct {
		result summary.Result
		strict bool
		says   string
	}{
		"all well":              {},
		"all well, strictly":    {strict: true},
		"missed":                {result: summary.Result{SLO: missed}, says: "SLO was missed"},
		"early":                 {result: summary.Result{Early: true}, says: "ended early"},
		"missed and early":      {result: summary.Result{Early: true, SLO: missed}, says: "SLO was missed"},
		"called off":            {result: summary.Result{Early: true, Aborted: "errors>5%: 7%"}, says: "called off: errors>5%: 7%"},
		"slow":                  {result: summary.Result{Lag: summary.Lag{P99: 11}}},
		"slow, strictly":        {result: summary.Result{Lag: summary.Lag{P99: 11}}, strict: true, says: "--strict"},
		"in time, strictly":     {result: summary.Result{Lag: summary.Lag{P99: 9}}, strict: true},
		"sent not all":          {result: summary.Result{Errors: map[summary.Kind]int64{summary.Unsent: 1}}},
		"sent not all, strict":  {result: summary.Result{Errors: map[summary.Kind]int64{summary.Unsent: 1}}, strict: true, says: "did not send all"},
		"other errors, strict ": {result: summary.Result{Errors: map[summary.Kind]int64{summary.Timeout: 1}}, strict: true},
	} {
		err := (&test{Strict: c.strict}).verdict(c.result)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestACommandLineCanBeTypedAgain(t *testing.T) {
	got := shell([]string{"loadtest", "--slo", "p99<1s", "--label=a=it's", "--profile", "constant:5/1s"})
	if want := `loadtest --slo 'p99<1s' '--label=a=it'\''s' --profile constant:5/1s`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
