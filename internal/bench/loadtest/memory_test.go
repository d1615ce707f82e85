package main

import (
	"net/http"
	"strings"
	"testing"

	"resnet-autoscaling/internal/bench/soak"
)

// held is a tester that sends 10,000 requests a second for so many seconds, and whose memory does what it is told.
func held(seconds int, memory func(second int) float64) (h holding) {
	for s := range seconds + 1 {
		h.looks = append(h.looks, soak.Vitals{Second: float64(s), RSS: memory(s)})
		h.came = append(h.came, s*10_000)
	}
	h.sent = told{due: int64(seconds) * 10_000, requests: int64(seconds)*10_000 - 1, lag: 0.5}
	return h
}

func TestTheMemoryPage(t *testing.T) {
	m := &memory{Rate: 10_000, Millions: 10}
	noise := func(s int) float64 { return float64(s%7) * 1e4 }
	for want, h := range map[string]holding{
		"It is flat":                        held(1000, func(s int) float64 { return 30e6 + noise(s) }),
		"It grows":                          held(1000, func(s int) float64 { return 30e6 + noise(s) + 5000*float64(s) }),
		"Too few looks":                     held(80, func(s int) float64 { return 30e6 + noise(s) }),
		"0.50 ± 0.0":                        held(1000, func(s int) float64 { return 30e6 + noise(s) + 5000*float64(s) }),
		"5.0 MB in ten million":             held(1000, func(s int) float64 { return 30e6 + noise(s) + 5000*float64(s) }),
		"| 2 million  | 200 s  | 30.0 MB |": held(1000, func(s int) float64 { return 30e6 }),
		"| at the end | 1000 s | 30.0 MB |": held(1000, func(s int) float64 { return 30e6 }),
		"Of 10000000 requests 9999999 were answered well; they left 0.50 ms late":        held(1000, func(s int) float64 { return 30e6 }),
		"10000 requests a second for 16m40s, with pictures of 1 kB over 100 connections": held(1000, func(s int) float64 { return 30e6 }),
	} {
		if page := m.page(h); !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestTheServerThatCountsKeepsNothing(t *testing.T) {
	s := &server{url: serving(t, serve{Count: true}) + "/predict"}
	for range 3 {
		resp, err := http.Post(s.url, "image/jpeg", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n, err := s.count(t.Context()); n != 3 || err != nil {
		t.Errorf("%d came, %v", n, err)
	}
	if at, err := s.arrivals(t.Context()); len(at) != 0 || err != nil {
		t.Errorf("%v, %v", at, err)
	}
}
