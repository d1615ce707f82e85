package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/soak"
)

// soakReport is a table of what was sent and what came of it, and one of what the server held.
func soakReport(r soak.Result, cpus float64) string {
	table := [][]string{{"errand", "sent", "ended", "wrong"}}
	var faults []string
	sent := 0
	for _, t := range r.Kinds {
		table = append(table, []string{t.Kind, strconv.Itoa(t.Total()), t.EndingsInWords(), strconv.Itoa(t.Wrong)})
		for _, fault := range t.Faults {
			faults = append(faults, fmt.Sprintf("- %s: %s\n", t.Kind, fault))
		}
		sent += t.Total()
	}
	table = append(table, []string{"all", strconv.Itoa(sent), "", ""})
	return "\n" + figures.Grid(table) + "\n" + strings.Join(faults, "") + "\n" + figures.Grid(vitalsTable(r)) + "\n" + memoryInWords(r) + loadInWords(r, cpus)
}

func vitalsTable(r soak.Result) [][]string {
	table := [][]string{{"", "memory", "Go's heap", "goroutines", "open files", "threads"}}
	add := func(name string, v soak.Vitals) {
		table = append(table, []string{
			name, megabytes(v.RSS), megabytes(v.Heap), fmt.Sprintf("%.0f", v.Goroutines), fmt.Sprintf("%.0f", v.Files), fmt.Sprintf("%.0f", v.Threads),
		})
	}
	add("before the load", r.Before)
	most := soak.Vitals{}
	for i, v := range r.Load {
		most = most.Or(v)
		if i*soakMarks/len(r.Load) != (i+1)*soakMarks/len(r.Load) {
			add("after "+seconds(v.Second), v)
		}
	}
	add("most under load", most)
	add("after the load", r.After)
	return table
}

func memoryInWords(r soak.Result) string {
	all, floor := r.Memory(), r.Floor()
	words := fmt.Sprintf("Memory after the first third of the load, by least squares: %s on average, %s; of each six looks the least, %s on average, %s.\n",
		megabytes(all.Mean), perHour(all), megabytes(floor.Mean), perHour(floor))
	if !r.JudgesMemory() {
		words += "That is not judged: it takes a load of 15 minutes and a bit.\n"
	}
	return words
}

func perHour(t soak.Trend) string {
	return fmt.Sprintf("%+.1f ± %.1f MB an hour", t.Slope*3600/1e6, t.Error*3600/1e6)
}

func loadInWords(r soak.Result, cpus float64) string {
	if len(r.Load) < 2 {
		return ""
	}
	first, last := r.Load[0], r.Load[len(r.Load)-1]
	return fmt.Sprintf("The server used %.2f of its %g CPUs.\n", (last.CPUSeconds-first.CPUSeconds)/(last.Second-first.Second), cpus)
}

func vitalsInWords(v soak.Vitals) string {
	return fmt.Sprintf("memory %s, heap %s, %.0f goroutines, %.0f files, %.0f threads", megabytes(v.RSS), megabytes(v.Heap), v.Goroutines, v.Files, v.Threads)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }
