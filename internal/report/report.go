// Package report turns a load test's result into one HTML page that stands alone: the verdict, what happened over time, and how to repeat
// it. The page needs no network; its script only adds a reading line under the pointer.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"resnet-autoscaling/internal/summary"
)

// Test is one load test, and what is needed to judge and to repeat it.
type Test struct {
	Result   summary.Result
	Command  string    // as it was typed, quoted for a shell
	Settings []Setting // every setting, also those left at their defaults
}

// Setting is one name and its value.
type Setting struct{ Name, Value string }

//go:embed page.html
var pageHTML string

// panelsHTML are the drawings over one axis of time, that both pages show.
//
//go:embed panels.html
var panelsHTML string

//go:embed page.css
var pageCSS string

//go:embed chart.css
var chartCSS string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page").Parse(panelsHTML + pageHTML))

// Write writes the page.
func Write(w io.Writer, t Test) error { return render(w, page, newView(t)) }

// executor is a template, of HTML or of plain text.
type executor interface {
	Execute(w io.Writer, view any) error
}

// render writes a page whole or not at all: half of one would look like a result.
func render(w io.Writer, page executor, view any) error {
	var whole bytes.Buffer
	if err := page.Execute(&whole, view); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := whole.WriteTo(w); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// view is what the template shows.
type view struct {
	CSS         template.CSS
	JS          template.JS
	Target      string
	Started     string
	Verdict     verdict
	Notes       []string
	Tiles       []tile
	SLOs        []summary.Verdict
	Percentiles []tile
	Stages      []stageRow
	Errors      []errorRow
	Grain       string
	Marks       []mark
	Panels      []panel
	Ticks       []tick
	Table       table
	Command     string
	Settings    []Setting
}

func newView(t Test) view {
	v := view{
		CSS: template.CSS(pageCSS + chartCSS), JS: template.JS(pageJS),
		Target: t.Result.URL, Started: t.Result.Started.Format("2 January 2006, 15:04 MST"),
		Verdict: judge(t.Result), Notes: notes(t.Result), Tiles: tiles(t.Result),
		SLOs: t.Result.SLO, Percentiles: percentiles(t.Result), Errors: errorRows(t.Result), Stages: stageRows(t.Result),
		Command: t.Command, Settings: t.Settings,
	}
	if t.Result.Requests == 0 {
		return v
	}
	line := newTimeline(t.Result)
	v.Grain = line.grain()
	v.Marks = marks(line, t.Result.Decisions)
	v.Panels = panels(line, t.Result, v.Errors)
	v.Ticks = timeTicks(line.end)
	v.Table = newTable(line)
	return v
}

// panels are the drawings, one below the other over one time axis.
func panels(t timeline, r summary.Result, errors []errorRow) []panel {
	all := []panel{ratePanel(t), latencyPanel(t, r.SLO), heatPanel(t), errorPanel(t, errors), replicaPanel(t), queuePanel(t), cpuPanel(t)}
	for i := range all {
		if lines := markLines(t, r.Decisions, all[i].Height); lines != "" && all[i].Empty == "" {
			all[i].Shapes = append(all[i].Shapes, shape{"marks", lines})
		}
	}
	return all
}
