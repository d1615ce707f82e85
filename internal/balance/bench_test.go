package balance_test

import (
	"fmt"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

// What a request costs the pool and the line as the service uses them, with half of the replicas busy.
func BenchmarkRequest(b *testing.B) {
	for _, replicas := range []int{8, 100, 1000} {
		b.Run(fmt.Sprint(replicas), func(b *testing.B) {
			p, l := balance.NewPool(), balance.NewLine[string](2048)
			var endpoints []balance.Endpoint
			for i := range replicas {
				endpoints = append(endpoints, balance.Endpoint{Name: fmt.Sprintf("resnet-%04d", i), Serving: true})
			}
			p.SetEndpoints(endpoints)
			now := start
			for _, e := range endpoints {
				p.Learn(e.Name, balance.Said{Slots: 1, Capacity: 80, Load: -1}, now)
			}
			var busy []*balance.Grant
			request := func() {
				now = now.Add(12 * time.Millisecond / time.Duration(replicas))
				k := &ticket{Client: "one", Arrived: now, Patient: 30 * time.Second}
				if _, err := l.Join(k, now, p.Rate(now)); err != nil {
					b.Fatal(err)
				}
				p.Usual()
				c, ok := p.Choose(now, nil)
				if !ok {
					b.Fatal("no credit is free")
				}
				l.Serve(c.Place, c.Name(), now, p.Rate(now))
				busy = append(busy, p.Take(c, now))
				p.Due(now)
				p.Next(now)
			}
			answer := func() {
				g := busy[0]
				busy = busy[1:]
				g.Answered(now)
				p.Rate(now)
				p.Due(now)
				p.Next(now)
			}
			for range replicas / 2 {
				request()
			}
			for b.Loop() {
				request()
				answer()
			}
		})
	}
}
