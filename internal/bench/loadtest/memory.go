package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/soak"
	"resnet-autoscaling/internal/command"
)

// memory is what the load tester holds while it sends millions of requests.
type memory struct {
	Root     string  `default:"../.." type:"existingdir" help:"The repository."`
	Rate     float64 `default:"20000" help:"Requests a second, with pictures of 1 kB."`
	Millions int     `default:"10" help:"How many millions of requests are sent."`
	Out      string  `default:"loadtest/MEMORY.md" help:"Where the page is written."`
}

const million = 1_000_000

// Validate keeps the load to what can be judged.
func (m *memory) Validate() error {
	return errors.Join(
		command.Check(m.Rate >= 1, "--rate", m.Rate, "must be at least 1"),
		command.Check(m.Millions >= 1 && m.Millions <= 1000, "--millions", m.Millions, "must be 1 to 1000"),
	)
}

func (m *memory) length() time.Duration {
	return time.Duration(float64(m.Millions) * million / m.Rate * float64(time.Second))
}

// errGrows is memory that does not stay flat.
var errGrows = errors.New("the load tester's memory grows with its requests")

// Run sends them, looks at the tester once a second, and writes the page.
func (m *memory) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := newWorkplace(m.Root)
	if err != nil {
		return err
	}
	program, err := w.ours(ctx)
	if err != nil {
		return err
	}
	small, err := w.form("small", smallSize)
	if err != nil {
		return err
	}
	s, err := w.serve(ctx, "--count")
	if err != nil {
		return err
	}
	defer s.stop()
	log.Info("sending", "requests", m.Millions*million, "for", m.length())
	held, err := m.send(ctx, w, program, s, small)
	if err != nil {
		return err
	}
	page := m.page(held)
	fmt.Fprint(out, page)
	if err := os.WriteFile(m.Out, []byte(page), 0o644); err != nil {
		return err
	}
	if held.line().grows() {
		return errGrows
	}
	return nil
}

// holding is what the tester held, look by look, and how many requests had come to the server by each.
type holding struct {
	looks []soak.Vitals
	came  []int
	sent  told
}

// heldConnections keep apart what requests in flight take from what sent ones leave behind: on a busy machine a connection for each request
// in flight makes the memory follow the machine.
const heldConnections = 100

// send runs the tester on all cores, as users do, but with so many connections.
func (m *memory) send(ctx context.Context, w *workplace, program string, s *server, f form) (h holding, err error) {
	result := w.file("memory.json")
	c := exec.CommandContext(ctx, program, "--url="+s.url, "--images="+f.picture, fmt.Sprintf("--profile=constant:%g/%s", m.Rate, m.length()),
		fmt.Sprintf("--connections=%d", heldConnections), "--quiet", "--log-level=error", "--json="+result)
	c.Env, c.Stderr = append(os.Environ(), "KUBECONFIG=/dev/null"), os.Stderr
	if err := c.Start(); err != nil {
		return h, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	watch := soak.NewWatch("", c.Process.Pid)
	defer watch.Close()
	for tick := time.Tick(time.Second); ; {
		select {
		case err := <-ended:
			if err != nil {
				return h, fmt.Errorf("loadtest: %w", err)
			}
			h.sent, err = toldIn(result)
			return h, err
		case <-tick:
			if err := h.look(ctx, s, watch); err != nil {
				return h, errors.Join(err, c.Process.Kill(), <-ended)
			}
		}
	}
}

// look notes what is held now. Of a tester that has just ended there is nothing to note.
func (h *holding) look(ctx context.Context, s *server, watch soak.Watch) error {
	came, err := s.count(ctx)
	if err != nil {
		return err
	}
	if v, err := watch.Look(ctx); err == nil && v.RSS > 0 {
		h.looks, h.came = append(h.looks, v), append(h.came, came)
	}
	return nil
}

// at is the first look by which so many requests had come; false: there is none.
func (h holding) at(requests int) (soak.Vitals, bool) {
	for i, came := range h.came {
		if came >= requests {
			return h.looks[i], true
		}
	}
	return soak.Vitals{}, false
}

func (m *memory) page(h holding) string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# What the load tester holds while it sends millions of requests\n")
	say("Written by `make bench-loadtest MEMORY=1` on %s, on %s.\n", time.Now().UTC().Format("2006-01-02 15:04 MST"), machine.Describe())
	say("%g requests a second for %v, with pictures of %d kB over %d connections, to a server that answers at once; the tester's resident memory is looked at every second.",
		m.Rate, m.length().Round(time.Second), smallSize/1000, heldConnections)
	say("Of %d requests %d were answered well; they left %.2f ms late (p99).\n", h.sent.due, h.sent.requests, h.sent.lag)
	page.WriteString(figures.Grid(h.rows(m.Millions)))
	say("\n%s", h.verdict())
	return page.String()
}

// rows are the looks at 1, 2 and 5 of each power of ten of millions.
func (h holding) rows(millions int) [][]string {
	rows := [][]string{{"requests", "after", "memory"}}
	for decade := 1; decade <= millions; decade *= 10 {
		for _, n := range []int{decade, 2 * decade, 5 * decade} {
			if n > millions {
				break
			}
			if v, ok := h.at(n * million); ok {
				rows = append(rows, rowOf(fmt.Sprintf("%d million", n), v))
			}
		}
	}
	return append(rows, rowOf("at the end", h.looks[len(h.looks)-1]))
}

func rowOf(what string, v soak.Vitals) []string {
	return []string{what, fmt.Sprintf("%.0f s", v.Second), fmt.Sprintf("%.1f MB", v.RSS/1e6)}
}

// line is the memory over the requests.
type line struct {
	slope, err float64 // bytes a request, and its standard error
	growth     float64 // over all requests, as a share of the memory
	looks      int     // that it was laid through
}

const (
	mostGrowth = 0.03 // over all requests; more is no longer flat
	fewestLook = 60   // fewer tell no growth from noise
	noise      = 2    // standard errors that a slope has to exceed to be one
)

// line is laid through the last two thirds of the looks, of each six through the least.
func (h holding) line() line {
	t, first, last := soak.Result{Load: h.looks}.Floor(), len(h.looks)/3, len(h.looks)-1
	rate := float64(h.came[last]-h.came[first]) / (h.looks[last].Second - h.looks[first].Second)
	return line{slope: t.Slope / rate, err: t.Error / rate, growth: t.Slope / rate * float64(h.came[last]) / t.Mean, looks: last - first}
}

func (l line) judges() bool { return l.looks >= fewestLook }

func (l line) grows() bool { return l.judges() && l.growth > mostGrowth && l.slope > noise*l.err }

func (h holding) verdict() string {
	l := h.line()
	text := fmt.Sprintf("A straight line through the last two thirds of the looks (the least of each six) rises by %.2f ± %.2f bytes a request (standard error): %.1f MB in ten million, and over all of these %.1f %%.",
		l.slope, l.err, l.slope*10, 100*l.growth)
	switch {
	case !l.judges():
		return text + " Too few looks to judge it."
	case l.grows():
		return text + " It grows."
	default:
		return fmt.Sprintf("%s It is flat: no more than %.0f %%, or than chance.", text, 100*mostGrowth)
	}
}
