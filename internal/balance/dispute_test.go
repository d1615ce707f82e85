package balance_test

import (
	"strconv"
	"strings"
	"testing"

	"resnet-autoscaling/internal/balance"
)

// list reads what discovery lists, a letter a replica: R is ready, u unready, t shuts down, and - is not there.
func list(states string) (all []balance.Endpoint) {
	for i, state := range states {
		e := balance.Endpoint{Name: strconv.Itoa(i), URL: "http://" + strconv.Itoa(i)}
		switch state {
		case 'R':
			e.Serving = true
		case 'u':
			e.Unready = true
		case '-':
			continue
		}
		all = append(all, e)
	}
	return all
}

// Each story is what discovery lists, one after the other, each with the replicas that are to be asked.
func TestDispute(t *testing.T) {
	for name, story := range map[string]string{
		"all at once":                       "RRRR: uuuu:0123",
		"all, one after the other":          "RRRR: uRRR: uuRR: uuuR:012 uuuu:0123",
		"more than half":                    "RRRRR: uuuRR:012",
		"half of them":                      "RRRR: uuRR:",
		"some of many":                      "RRRRRRRR: uuRRRRRR: uuuRRRRR:",
		"the only one":                      "R: u:0",
		"until each is called ready":        "RRRR: uuuu:0123 Ruuu:123 RRuu:23 RRRu:3 RRRR:",
		"and then not more easily":          "RRRR: uuuu:0123 RRRR: uRRR:",
		"one leaves meanwhile":              "RRRR: uuuu:0123 tuuu:123 -uuu:123",
		"one starts meanwhile":              "RRR-: uuuu:012 uuuR:012",
		"what never was ready":              "uuuu: uuuu:",
		"a new one, all others are ready":   "RRu:  RRR:",
		"scaled down to one":                "RRRR: Rttt: R---:",
		"scaled down to one, which fails":   "RRRR: Rttt: uttt:0",
		"scaled to nothing":                 "RRRR: tttt: ----:",
		"rolled out":                        "RRuu: ttRR: --RR:",
		"rolled out to one that never runs": "RRuu: ttuu: --uu:",
		"a node drained of two of three":    "RRRuu: ttRuu: --RRR:",
		"gone, and back unready":            "RR: --: uu:",
	} {
		t.Run(name, func(t *testing.T) {
			var d balance.Dispute
			for step := range strings.FieldsSeq(story) {
				states, want, _ := strings.Cut(step, ":")
				got := ""
				for _, e := range d.Hear(list(states)) {
					got += e.Name
				}
				if got != want {
					t.Errorf("at %s it asks %q, want %q", states, got, want)
				}
			}
		})
	}
}

// A pod of the same name at another address is another replica.
func TestDisputeIsAboutAddresses(t *testing.T) {
	var d balance.Dispute
	d.Hear(list("R"))
	moved := list("u")
	moved[0].URL = "http://elsewhere"
	if ask := d.Hear(moved); len(ask) > 0 {
		t.Errorf("it asks %v, which was never ready there", ask)
	}
}
