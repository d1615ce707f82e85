package report

// table is the same as the drawings in figures; the page's script reads it too.
type table struct {
	Head []string
	Rows []row
}

type row struct {
	Middle float64 // where it stands on the time axis, in percent
	Cells  []string
}

func newTable(t timeline) table {
	all := table{Head: []string{"Time", "Asked", "Achieved", "Failed", "p50", "p99", "Ready", "Desired", "In flight", "Queue", "CPU"}}
	for _, b := range t.buckets {
		all.Rows = append(all.Rows, row{Middle: percent((b.from + b.to) / 2 / t.end), Cells: t.cells(b)})
	}
	return all
}

func (t timeline) cells(b bucket) []string {
	const unknown = "–"
	asked, p50, p99, ready, desired, queue, cpu := unknown, unknown, unknown, unknown, unknown, unknown, unknown
	if v, ok := t.asked(b); ok {
		asked = rate(v)
	}
	if b.ok > 0 {
		p50, p99 = milliseconds(b.p50), milliseconds(b.p99)
	}
	if r, ok := t.replicasAt(b); ok {
		ready, queue = count(int64(r.Ready)), count(int64(r.Queue))
		if r.CPU > 0 {
			cpu = significant(r.CPU)
		}
		if r.Desired >= 0 {
			desired = count(int64(r.Desired))
		}
	}
	return []string{clock(b.from), asked, rate(b.perSecond(b.answered)), rate(b.perSecond(b.failed)), p50, p99, ready, desired, count(b.inFlight), queue, cpu}
}
