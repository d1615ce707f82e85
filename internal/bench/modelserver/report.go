package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"resnet-autoscaling/internal/bench/figures"
)

// loudCore is the share of the servers' core from which on others' work makes the figures rough.
const loudCore = 0.05

// markdown is the page that is kept. It has no path of this machine.
func (r *results) markdown() string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# The model server and its peers, side by side\n")
	say("Written by `%s` on %s. Ratios hold from machine to machine better than figures do.\n", r.command, r.date.UTC().Format("2006-01-02 15:04 MST"))
	say("%s", r.verdicts())
	say("%s", figures.Grid(r.table()))
	say("%s", r.bareText())
	say("%s", r.missing())
	say("## What is measured, and how\n\n%s", r.method())
	say("## Versions and command lines\n\n%s", r.commands())
	return strings.TrimRight(page.String(), "\n") + "\n"
}

// verdicts say in a line for each precision of ours what it is against the others.
func (r *results) verdicts() string {
	var lines []string
	for _, precision := range []string{int8Precision, fp32Precision} {
		own := r.find(ours + "-" + precision)
		if own == nil {
			continue
		}
		var parts []string
		for _, name := range []string{original, original + "-tuned"} {
			if other := r.find(name); other != nil {
				parts = append(parts, fmt.Sprintf("%s %s", own.timesOf(other), other.title))
			}
		}
		if best := r.bestPeer(precision); best != nil {
			parts = append(parts, fmt.Sprintf("%s the best peer with the same file (%s)", own.timesOf(best), best.title))
		}
		if bare := r.bareOf(precision); bare != nil {
			parts = append(parts, fmt.Sprintf("%.0f %% (by CPU time: %.0f %%) of what the same work does without HTTP",
				100*figures.Median(figures.Ratios(own.rates(), bare.rates())), 100*figures.Median(figures.Ratios(bare.sums(), own.cpus()))))
		}
		if len(parts) > 0 {
			lines = append(lines, fmt.Sprintf("- **model-server, %s**, pictures/s on one core: %s.", strings.ToUpper(precision), strings.Join(parts, "; ")))
		}
	}
	if _, most := r.disturbed(); most > loudCore {
		lines = append(lines, "- These figures are rough: something else was at work on the servers' core (below).")
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// timesOf is a factor in pictures/s, and the same by CPU time, which others' work on the core changes less.
func (r *row) timesOf(other *row) string {
	return fmt.Sprintf("%.2f × (by CPU time a picture: %.2f ×)", r.against(other), r.cheaper(other))
}

// table has the fastest first.
func (r *results) table() [][]string {
	table := [][]string{{"server", "precision", "pictures/s", "× original", "× best peer", "CPU a picture", "p50", "p99", "memory", "ready after", "asked by"}}
	rows := slices.Clone(r.rows)
	rows = slices.DeleteFunc(rows, func(row *row) bool { return !row.quoted() })
	slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(figures.Median(b.rates()), figures.Median(a.rates())) })
	first, best := r.find(original), r.bestPeer("")
	for _, row := range rows {
		table = append(table, []string{
			row.title, strings.ToUpper(row.precision), spread(row.rates()), times(row, first), times(row, best),
			fmt.Sprintf("%.1f ms", figures.Median(row.cpus())), fmt.Sprintf("%.0f ms", row.latency(0.5)), fmt.Sprintf("%.0f ms", row.latency(0.99)),
			fmt.Sprintf("%.0f MB", row.memory()), fmt.Sprintf("%.2f s", row.started()), row.asking.how,
		})
	}
	return table
}

func times(a, b *row) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", a.against(b))
}

// spread is the median with the least and the most.
func spread(all []float64) string {
	if len(all) == 1 {
		return fmt.Sprintf("%.1f", all[0])
	}
	return fmt.Sprintf("%.1f (%.1f–%.1f)", figures.Median(all), slices.Min(all), slices.Max(all))
}

func (b *bareRow) rates() []float64 {
	var all []float64
	for _, s := range b.samples {
		all = append(all, 1e3/s.Elapsed)
	}
	return all
}

func (b *bareRow) sums() []float64 {
	var all []float64
	for _, s := range b.samples {
		all = append(all, s.sum())
	}
	return all
}

func (r *results) bareOf(precision string) *bareRow {
	for _, b := range r.bare {
		if b.precision == precision && len(b.samples) > 0 {
			return b
		}
	}
	return nil
}

// bareText is the cost of a picture without a server.
func (r *results) bareText() string {
	table := [][]string{{"precision", "decode", "resize and crop", "normalise", "inference", "sum", "pictures/s"}}
	for _, b := range r.bare {
		if len(b.samples) == 0 {
			continue
		}
		part := func(of func(bareCost) float64) string {
			var all []float64
			for _, s := range b.samples {
				all = append(all, of(s))
			}
			return fmt.Sprintf("%.2f ms", figures.Median(all))
		}
		table = append(table, []string{
			strings.ToUpper(b.precision), part(func(c bareCost) float64 { return c.Decode }), part(func(c bareCost) float64 { return c.Resize }),
			part(func(c bareCost) float64 { return c.Normalise }), part(func(c bareCost) float64 { return c.Inference }),
			part(bareCost.sum), spread(b.rates()),
		})
	}
	if len(table) == 1 {
		return ""
	}
	return "Without HTTP, in one Python process on the same core (parts in CPU time; ONNX Runtime, libjpeg-turbo, " + r.resizer() + "):\n\n" + figures.Grid(table)
}

func (r *results) resizer() string {
	for _, v := range r.versions[barePeer] {
		if strings.HasPrefix(v, "pillow") {
			return v
		}
	}
	return "Pillow"
}

// missing are the peers that are not in the table, with the reasons.
func (r *results) missing() string {
	var lines []string
	for _, row := range r.rows {
		if !row.quoted() {
			lines = append(lines, fmt.Sprintf("- %s, %s: %s.", row.title, strings.ToUpper(row.precision), r.w.short(strings.Join(strings.Fields(row.reason), " "))))
		}
	}
	for _, b := range r.bare {
		if b.reason != "" {
			lines = append(lines, fmt.Sprintf("- without HTTP, %s: %s.", strings.ToUpper(b.precision), r.w.short(b.reason)))
		}
	}
	for _, u := range unobtainable {
		lines = append(lines, fmt.Sprintf("- %s: %s.", u.title, u.reason))
	}
	return "Not measured:\n\n" + strings.Join(lines, "\n") + "\n"
}

func (r *results) method() string {
	middle, most := r.disturbed()
	return fmt.Sprintf(`- Machine: %s.
- One core each: a server and all that it starts on core %d, the load on core %d (taskset); one thread for inference; nothing else of the caller's environment.
- Rounds: %d. In each, every server in turn is started, checked, warmed up, and loaded for %g s over %d connections and %g s over %d, each of
  which sends its next picture when the last one is answered. pictures/s is the better of the two, latencies are those of %[6]d connections;
  figures are medians over the rounds, with the least and the most; ratios are medians of the ratios of each round.
- Pictures: %[9]d JPEGs of %[10]s, %[11]d kB on average, in turn, each made different from all others by a comment in it, so that none can be
  answered from memory.
- A server is quoted only if it gives the label that ours gives (FP32) to pictures of which that is sure (%[12]d%%), and if it loses no request.
- CPU a picture: user and system time of all the server's processes, over the answers. memory: resident, under load; where a server has
  several processes, pages that they share count once. ready after: from its start until its readiness path answers 200.
- All Python peers but the original decode by libjpeg-turbo, resize only what is cropped (with %[13]s) and use one bound ONNX Runtime session or one
  OpenVINO request: internal/bench/peers/common. What differs is how they serve. OpenVINO computes the FP32 file in BF16 where the CPU has it.
- original stack: as its README describes it. tuned: inference_mode, channels_last, torchvision's own decoder and tensor transforms, uvloop and httptools.
  Their memory is that of PyTorch's wheel with CUDA where pip finds no other.
- Others' work on the servers' core while it was measured: %.1[14]f %% of it in the middle, %.1[15]f %% at most.
`, r.machine, r.cores.Server, r.cores.Load, r.rounds, r.seconds, connections[0], r.seconds/2, connections[1],
		r.photos, r.w.short(r.folder), r.bytes/1000, int(100*sure), r.resizer(), 100*middle, 100*most)
}

// commands are the versions and the command line of each server.
func (r *results) commands() string {
	var lines []string
	for _, peer := range slices.Sorted(maps.Keys(r.versions)) {
		lines = append(lines, fmt.Sprintf("- %s: %s", peer, strings.Join(r.versions[peer], ", ")))
	}
	lines = append(lines, "", "```")
	for _, row := range r.rows {
		if row.quoted() {
			p := row.program(r.w, []int{8000, 8001, 8002})
			lines = append(lines, r.w.short(strings.Join(append(slices.Clone(p.env), p.args...), " ")))
		}
	}
	return strings.Join(append(lines, "```"), "\n") + "\n"
}
