package summary

// PerReplica judges the service by its replicas, so that when the autoscaler brings and takes them does not decide the verdict.
type PerReplica struct {
	// Seconds is how many seconds count: those in which the number of ready replicas was known and above 0.
	Seconds int `json:"seconds"`
	// OK is good answers per second and ready replica, over all of them. It is no more than the load asked for.
	OK float64 `json:"ok_rps"`
	// BusySeconds are those of them in which every ready replica had work waiting: at least one request for each was in flight at the
	// beginning and at the end.
	BusySeconds int `json:"busy_seconds"`
	// BusyOK is good answers per second and ready replica over the busy ones: what a replica can do. 0 where none was busy.
	BusyOK float64 `json:"busy_ok_rps"`
	// BusyP99 is the worst of the busy seconds' own 99th percentiles, and CalmP99 that of the others, in milliseconds.
	BusyP99 float64 `json:"busy_p99_ms"`
	CalmP99 float64 `json:"calm_p99_ms"`
}

// perReplica is nil where the ready replicas are not known.
func perReplica(timeline []Second, replicas []Replicas) *PerReplica {
	ready := map[int]int{}
	for _, r := range replicas {
		if r.Ready > 0 {
			ready[r.Second] = r.Ready
		}
	}
	if len(ready) == 0 {
		return nil
	}
	var p PerReplica
	var all, busy share
	before := int64(0)
	for _, s := range timeline {
		n, known := ready[s.Second]
		waiting := min(before, s.InFlight)
		before = s.InFlight
		if !known {
			continue
		}
		all.add(s.Answered, n)
		if waiting < int64(n) {
			p.CalmP99 = max(p.CalmP99, s.P99)
			continue
		}
		busy.add(s.Answered, n)
		p.BusyP99 = max(p.BusyP99, s.P99)
	}
	p.Seconds, p.OK = all.seconds, all.rate()
	p.BusySeconds, p.BusyOK = busy.seconds, busy.rate()
	return &p
}

// share is answers over replica-seconds.
type share struct {
	seconds, replicas int
	answered          int64
}

func (s *share) add(answered int64, replicas int) {
	s.seconds++
	s.replicas += replicas
	s.answered += answered
}

func (s share) rate() float64 {
	if s.replicas == 0 {
		return 0
	}
	return float64(s.answered) / float64(s.replicas)
}
