package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/soak"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/summary"
)

const (
	reportName = "report.html"
	resultName = "result.json"
)

// result is all that was seen.
type result struct {
	Seed    uint64   `json:"seed"`
	Length  string   `json:"length"`
	Profile string   `json:"profile"`
	Balance balance  `json:"ledger"`
	Strikes []struck `json:"strikes"`
	Effects []effect `json:"effects"` // of each strike
	Skipped []string `json:"skipped,omitempty"`
	Lives   []*life  `json:"lives"`
	Faults  []string `json:"faults"` // what is wrong, in words; none: it has stood it

	profile   pace.Profile
	started   time.Time
	entries   []entry
	replicas  []summary.Replicas
	decisions []scaling.Decision
	before    map[role]soak.Vitals
}

// effect is what requests felt of a strike: those that were due while it was on, or a little later.
type effect struct {
	Due       int `json:"due"`
	Broken    int `json:"broken"`
	Refusals  int `json:"refusals"`
	SlowestMS int `json:"slowest_ms"`
}

func (r *result) addEffects() {
	const aftermath = 5 * time.Second
	for _, s := range r.Strikes {
		var e effect
		for _, entry := range r.entries {
			if entry.Due < s.From || entry.Due > s.To+aftermath {
				continue
			}
			e.Due++
			e.SlowestMS = max(e.SlowestMS, int((entry.over() - entry.Due).Milliseconds()))
			for _, t := range entry.Tries {
				if t.broke() {
					e.Broken++
				} else if t.Why != "" {
					e.Refusals++
				}
			}
		}
		r.Effects = append(r.Effects, e)
	}
}

// text is the result as a person reads it.
func (r result) text() string {
	strikes := [][]string{{"at", "what", "for", "to whom", "due", "broken", "refused", "slowest"}}
	for i, s := range r.Strikes {
		e := r.Effects[i]
		strikes = append(strikes, []string{
			seconds(s.From), string(s.strike.Fault), seconds(s.To - s.From), s.Told, fmt.Sprint(e.Due), fmt.Sprint(e.Broken), fmt.Sprint(e.Refusals),
			fmt.Sprintf("%d ms", e.SlowestMS),
		})
	}
	b := r.Balance
	ledger := [][]string{
		{"ledger", ""},
		{"sent", fmt.Sprint(b.Sent)},
		{"answered rightly", fmt.Sprint(b.Answered)},
		{"… when sent once", fmt.Sprint(b.FirstTry)},
		{"… when sent again", fmt.Sprint(b.Resent)},
		{"tries that broke while the dispatcher was dead", fmt.Sprint(b.Broken)},
		{"tries that broke otherwise", fmt.Sprint(b.Unexcused)},
		{"tries that were told to come again (503)", fmt.Sprint(b.Refusals)},
		{"refused to the end", fmt.Sprint(b.Refused)},
		{"lost", fmt.Sprint(b.Lost)},
		{"answered wrongly", fmt.Sprint(b.Wrong)},
		{"answered twice", fmt.Sprint(b.Twice)},
		{"longest from due to answered", fmt.Sprintf("%d ms", b.LongestMS)},
	}
	text := "\n" + figures.Grid(strikes) + "\n" + figures.Grid(ledger) + "\n" + figures.Grid(r.livesTable()) + "\n"
	for _, list := range []struct {
		title string
		lines []string
	}{{"Skipped", r.Skipped}, {"Entries that do not balance", b.Complaints}, {"Wrong", r.Faults}} {
		if len(list.lines) > 0 {
			text += list.title + ":\n- " + strings.Join(list.lines, "\n- ") + "\n"
		}
	}
	if len(r.Faults) == 0 {
		text += "The ledger balances, and all is as it was.\n"
	}
	return text
}

// livesTable tells what the longest life of each role held, and how many lives there were.
func (r result) livesTable() [][]string {
	table := [][]string{{"process", "lives", "longest", "memory at its start", "at its end", "trend of its floor", "goroutines before", "after", "files before", "after"}}
	for _, role := range roles {
		its := slices.DeleteFunc(slices.Clone(r.Lives), func(l *life) bool { return l.Role != role })
		if len(its) == 0 {
			continue
		}
		longest := its[0]
		first, last := longest.Looks[0], longest.Looks[len(longest.Looks)-1]
		row := []string{
			string(role), fmt.Sprint(len(its)), seconds(time.Duration((last.Second - first.Second) * float64(time.Second))), megabytes(first.RSS), megabytes(last.RSS),
			trend(longest), fmt.Sprintf("%.0f", r.before[role].Goroutines), "ended", fmt.Sprintf("%.0f", r.before[role].Files), "ended",
		}
		if after := longest.After; after != nil {
			row[7], row[9] = fmt.Sprintf("%.0f", after.Goroutines), fmt.Sprintf("%.0f", after.Files)
		}
		table = append(table, row)
	}
	return table
}

func trend(l *life) string {
	const least = 3 * 6 // looks of which a trend can be told
	if len(l.Looks)*2/3 < least {
		return "too short a life"
	}
	t := l.result().Floor()
	text := fmt.Sprintf("%+.1f ± %.1f MB/h", t.Slope*3600/1e6, t.Error*3600/1e6)
	if !l.judged() {
		text += " (not judged)"
	}
	return text
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }

// write writes the result and the report.
func (r result) write(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	page, err := os.Create(filepath.Join(dir, reportName))
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, resultName), append(text, '\n'), 0o644), report.Write(page, r.test()), page.Close())
}

// test is the load as the load tester's report shows one, with the strikes in its table of settings.
func (r result) test() report.Test {
	recorder := summary.NewRecorder()
	for i, e := range r.entries { // by when they had their end
		recorder.Add(summary.Outcome{
			Number: i, Due: e.Due, Lag: e.Sent - e.Due, Latency: e.over() - e.Due, Kind: e.kind(), Status: e.Tries[len(e.Tries)-1].Status, Checked: true,
			Bytes: int64(e.Size * len(e.Tries)),
		})
	}
	for _, v := range r.replicas {
		recorder.AddReplicas(v)
	}
	for _, d := range slices.Backward(r.decisions) {
		if at := d.At.Sub(r.started).Seconds(); d.Applied && at >= 0 {
			recorder.AddDecision(summary.Decision{Second: at, Text: d.String()})
		}
	}
	t := report.Test{Result: recorder.Result(r.Profile, r.profile.Duration(), nil), Command: fmt.Sprintf("make soak SEED=%d LENGTH=%s", r.Seed, r.Length)}
	t.Result.URL, t.Result.Started, t.Result.Notes = "the whole system, while it is broken", r.started, r.Faults
	t.Settings = []report.Setting{{Name: "machine", Value: machine.Describe()}, {Name: "sent again until answered", Value: fmt.Sprint(r.Balance.Resent)}}
	for i, s := range r.Strikes {
		e := r.Effects[i]
		t.Settings = append(t.Settings, report.Setting{
			Name:  fmt.Sprintf("%s %s", seconds(s.From), s.strike.Fault),
			Value: fmt.Sprintf("for %s: %s. Of %d requests due then, %d tries broke, %d were told to come again; the slowest took %d ms", seconds(s.To-s.From), s.Told, e.Due, e.Broken, e.Refusals, e.SlowestMS),
		})
	}
	return t
}

func (e entry) kind() summary.Kind {
	kinds := map[end]summary.Kind{answered: summary.OK, wrong: summary.Wrong, refused: summary.Refused, lost: summary.Broken}
	return kinds[e.End]
}
