package report

import (
	"fmt"

	"resnet-autoscaling/internal/summary"
)

// unseen is how long a number stands for, in seconds, when no newer one is seen: then it is not known.
const unseen = 5

// seen is a figure of the replicas as stretches of equal value, split where it was not known.
func (t timeline) seen(figure func(summary.Replicas) (float64, bool)) curve {
	var all curve
	for _, r := range t.replicas {
		at := float64(r.Second)
		v, known := figure(r)
		if !known || at >= t.end {
			continue
		}
		until := min(at+1, t.end)
		if n := len(all); n > 0 {
			run := all[n-1]
			last := &run[len(run)-1]
			if at-last.to < unseen {
				last.to = at
				if last.value == v {
					last.to = until
				} else {
					all[n-1] = append(run, point{at, until, v})
				}
				continue
			}
		}
		all = append(all, []point{{at, until, v}})
	}
	return all
}

// queuePanel shows what waits: requests without an answer, and those of them that wait in the dispatcher.
func queuePanel(t timeline) panel {
	flight := t.runs(func(b bucket) (float64, bool) { return float64(b.inFlight), true })
	queue := t.seen(func(r summary.Replicas) (float64, bool) { return float64(r.Queue), true })
	mostFlight, when := flight.highest()
	mostQueue, _ := queue.highest()
	f := frame{end: t.end, height: 110, y: linear(max(mostFlight, mostQueue), true)}
	p := panel{
		ID: "waiting", Title: "Waiting", Unit: "requests",
		Desc:   fmt.Sprintf("Up to %s had no answer yet, at %s.", plural(int64(mostFlight), "request"), clock(when)),
		Shapes: f.filled("flight", f.line, flight),
		Labels: []endLabel{f.label("flight", "in flight", "", flight.last())},
	}
	if len(queue) == 0 {
		p.Unit += "; what waits in the dispatcher is not known: the target has no /status that tells"
		return p.finish(f, significant)
	}
	p.Shapes = append(p.Shapes, shape{"queue line", f.steps(queue)})
	p.Labels = append(p.Labels, f.label("queue", "queue", "", queue.last()))
	p.Desc += fmt.Sprintf(" Up to %s waited in the dispatcher's queue.", count(int64(mostQueue)))
	return p.finish(f, significant)
}

// cpuPanel shows what all replicas use together.
func cpuPanel(t timeline) panel {
	p := panel{ID: "cpu", Title: "CPU of the replicas"}
	cpu := t.seen(func(r summary.Replicas) (float64, bool) { return r.CPU, r.CPU > 0 })
	if len(cpu) == 0 {
		p.Empty = "How much CPU the replicas used is not known: no Prometheus could be asked."
		return p
	}
	most, when := cpu.highest()
	f := frame{end: t.end, height: 100, y: linear(most, false)}
	p.Unit = "cores, all together, over the last minute each"
	p.Desc = fmt.Sprintf("Up to %s cores, at %s.", significant(most), clock(when))
	p.Shapes = f.filled("cpu", f.steps, cpu)
	p.Labels = []endLabel{f.ends("cpu", "CPU", cpu)}
	return p.finish(f, significant)
}
