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

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page").Parse(pageHTML))

// Write writes the page.
func Write(w io.Writer, t Test) error {
	// Whole or not at all: half a page would look like a result.
	var whole bytes.Buffer
	if err := page.Execute(&whole, newView(t)); err != nil {
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
	Errors      []errorRow
	Grain       string
	Panels      []panel
	Ticks       []tick
	Table       table
	Command     string
	Settings    []Setting
}

func newView(t Test) view {
	v := view{
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
		Target: t.Result.URL, Started: t.Result.Started.Format("2 January 2006, 15:04 MST"),
		Verdict: judge(t.Result), Notes: notes(t.Result), Tiles: tiles(t.Result),
		SLOs: t.Result.SLO, Percentiles: percentiles(t.Result), Errors: errorRows(t.Result),
		Command: t.Command, Settings: t.Settings,
	}
	if t.Result.Requests == 0 {
		return v
	}
	line := newTimeline(t.Result)
	v.Grain = line.grain()
	v.Panels = []panel{ratePanel(line), latencyPanel(line, t.Result.SLO), errorPanel(line, v.Errors), replicaPanel(line)}
	v.Ticks = timeTicks(line.end)
	v.Table = newTable(line)
	return v
}

// WriteSVG to come
func WriteSVG(w io.Writer, t Test) error { _, err := io.WriteString(w, "<svg >"); return err }
