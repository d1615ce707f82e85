package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

// Replay is what policies would have done with loads, as simulated.
type Replay struct {
	Runs    []ReplayRun
	Command string // as it was typed
}

// ReplayRun is one policy with one load; the last four are by second.
type ReplayRun struct {
	Trace, Policy, Flags   string
	Capacity               float64 // requests per second of one replica
	Violations             float64 // share of the requests
	ReplicaSeconds, Oracle float64 // of the policy, and of a clairvoyant
	Scalings, Reversals    int
	Offered, Bad           []float32
	Desired, Ready         []int16
}

//go:embed replay.html
var replayHTML string

var replayPage = template.Must(template.New("replay").Parse(panelsHTML + replayHTML))

// WriteReplay writes the page.
func WriteReplay(w io.Writer, r Replay) error {
	view := replayView{CSS: template.CSS(pageCSS), Command: r.Command}
	for _, run := range r.Runs {
		view.Runs = append(view.Runs, newReplayed(run))
	}
	return render(w, replayPage, view)
}

type replayView struct {
	CSS     template.CSS
	Runs    []replayed
	Command string
}

type replayed struct {
	ReplayRun
	Share, Cost, Ratio, Grain string
	Panels                    []panel
	Ticks                     []tick
}

func newReplayed(r ReplayRun) replayed {
	end := float64(len(r.Offered))
	v := replayed{
		ReplayRun: r, Share: fmt.Sprintf("%.3f %%", 100*r.Violations), Cost: significant(r.ReplicaSeconds),
		Ratio: fmt.Sprintf("%.3f×", r.ReplicaSeconds/r.Oracle),
	}
	if end == 0 {
		return v
	}
	width := widthFor(end)
	v.Grain = fmt.Sprintf("Each point is the mean of %s.", stretch(float64(width)))
	line := stretches{width: width, seconds: len(r.Offered)}
	v.Panels = []panel{loadAndCapacity(r, line), badPanel(r, line), podsPanel(r, line)}
	v.Ticks = timeTicks(end)
	return v
}

// stretches cut seconds into points of equal width.
type stretches struct{ width, seconds int }

func (s stretches) mean(value func(second int) float64) curve {
	var run []point
	for from := 0; from < s.seconds; from += s.width {
		to := min(from+s.width, s.seconds)
		sum := 0.0
		for i := from; i < to; i++ {
			sum += value(i)
		}
		run = append(run, point{float64(from), float64(to), sum / float64(to-from)})
	}
	return curve{run}
}

func loadAndCapacity(r ReplayRun, s stretches) panel {
	load := s.mean(func(i int) float64 { return float64(r.Offered[i]) })
	capacity := s.mean(func(i int) float64 { return r.Capacity * float64(r.Ready[i]) })
	mostLoad, _ := load.highest()
	mostCapacity, _ := capacity.highest()
	f := frame{end: float64(s.seconds), height: 180, y: linear(max(mostLoad, mostCapacity), false)}
	p := panel{ID: "load", Title: "Load and capacity", Unit: "requests per second"}
	p.Shapes = append(f.filled("answered", f.line, load), shape{"ready line", f.steps(capacity)})
	p.Labels = []endLabel{f.ends("answered", "offered", load), f.ends("ready", "capacity", capacity)}
	p.Desc = fmt.Sprintf("load up to %s/s, capacity up to %s/s", significant(mostLoad), significant(mostCapacity))
	return p.finish(f, significant)
}

func badPanel(r ReplayRun, s stretches) panel {
	bad := s.mean(func(i int) float64 { return float64(r.Bad[i]) })
	most, _ := bad.highest()
	p := panel{ID: "bad", Title: "Violations", Unit: "requests per second that were late, shed or given up"}
	if most == 0 {
		p.Empty = "No request was late."
		return p
	}
	f := frame{end: float64(s.seconds), height: 80, y: linear(most, false)}
	p.Shapes = f.filled("failed", f.line, bad)
	p.Desc = fmt.Sprintf("up to %s/s", significant(most))
	return p.finish(f, significant)
}

func podsPanel(r ReplayRun, s stretches) panel {
	ready := s.mean(func(i int) float64 { return float64(r.Ready[i]) })
	desired := s.mean(func(i int) float64 { return float64(r.Desired[i]) })
	most, _ := ready.highest()
	mostDesired, _ := desired.highest()
	f := frame{end: float64(s.seconds), height: 120, y: linear(max(most, mostDesired), true)}
	p := panel{ID: "replicas", Title: "Replicas", Unit: "pods"}
	p.Shapes = append(f.filled("ready", f.steps, ready), shape{"desired line", f.steps(desired)})
	p.Labels = []endLabel{f.ends("ready", "ready", ready), f.ends("desired", "desired", desired)}
	p.Desc = fmt.Sprintf("up to %s", significant(max(most, mostDesired)))
	return p.finish(f, significant)
}
