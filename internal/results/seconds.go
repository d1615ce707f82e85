package results

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"

	"resnet-autoscaling/internal/summary"
)

// WriteSeconds writes a line of CSV for each second. What is not known stays empty.
func WriteSeconds(w io.Writer, r summary.Result) error {
	kinds := slices.Sorted(maps.Keys(r.Errors))
	head := []string{"second", "due", "answered", "ok", "failed", "p50_ms", "p99_ms", "in_flight", "ready", "desired", "queue", "capacity_rps", "cpu_cores"}
	for _, kind := range kinds {
		head = append(head, "errors_"+string(kind))
	}
	seen := bySecond(r.Replicas)
	lines := csv.NewWriter(w)
	lines.Write(head) // Flush tells of any error
	for _, s := range r.Timeline {
		line := []string{
			strconv.Itoa(s.Second), whole(s.Due), whole(s.Answered), whole(s.OK), whole(s.Failed),
			known(s.P50, s.OK > 0), known(s.P99, s.OK > 0), whole(s.InFlight),
		}
		at, ok := seen[s.Second]
		line = append(line, known(float64(at.Ready), ok), known(float64(at.Desired), ok && at.Desired >= 0), known(float64(at.Queue), ok),
			known(at.Capacity, at.Capacity > 0), known(at.CPU, at.CPU > 0))
		for _, kind := range kinds {
			line = append(line, whole(s.Errors[kind]))
		}
		lines.Write(line)
	}
	lines.Flush()
	return lines.Error()
}

func bySecond(replicas []summary.Replicas) map[int]summary.Replicas {
	seen := make(map[int]summary.Replicas, len(replicas))
	for _, r := range replicas {
		seen[r.Second] = r
	}
	return seen
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

func known(v float64, ok bool) string {
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
