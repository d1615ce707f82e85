package main

import (
	"strings"
	"testing"
)

func TestACommandLineIsToldWithoutItsSecrets(t *testing.T) {
	for line, want := range map[string]string{
		"loadtest|--header|Authorization: Bearer sesame|--seed|7": "loadtest|--header|Authorization: …|--seed|7",
		"loadtest|--header=X-Key:sesame":                          "loadtest|--header=X-Key: …",
		"loadtest|--header|sesame":                                "loadtest|--header|…",
		"loadtest|--url|http://me:sesame@x/predict":               "loadtest|--url|http://me:xxxxx@x/predict",
		"loadtest|--prometheus-url=http://me:sesame@x":            "loadtest|--prometheus-url=http://me:xxxxx@x",
		"loadtest|--slo=p99<1s|--label=a=b:c|x@y":                 "loadtest|--slo=p99<1s|--label=a=b:c|x@y",
	} {
		if got := strings.Join(unsecret(strings.Split(line, "|")), "|"); got != want {
			t.Errorf("%s is told as %s, want %s", line, got, want)
		}
	}
}
