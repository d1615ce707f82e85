package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
)

// Room around the drawings of the picture, in its own units.
const (
	svgLeft, svgRight  = 80, 150
	svgTop, svgTitle   = 64, 26
	svgGap, svgAxis    = 20, 30
	svgMarks           = 16 // a row of their own, above all titles
	svgWidth           = svgLeft + breadth + svgRight
	svgEmptyPanelLines = 22
)

//go:embed picture.svg
var pictureSVG string

var picture = template.Must(template.New("picture").Funcs(template.FuncMap{"xml": escapeXML}).Parse(pictureSVG))

// WriteSVG writes the drawings alone, as a picture for programs that are no browser: colours stand in it as numbers.
func WriteSVG(w io.Writer, t Test) error {
	if t.Result.Requests == 0 {
		return fmt.Errorf("picture: no request was due, so there is nothing to draw")
	}
	line := newTimeline(t.Result)
	p := svgPicture{Width: svgWidth, Style: plainColours(chartCSS), Title: judge(t.Result), Target: t.Result.URL, Started: t.Result.Started.Format("2 January 2006, 15:04 MST")}
	y := svgTop
	for _, m := range marks(line, t.Result.Decisions) {
		y = svgTop + svgMarks
		p.Marks = append(p.Marks, svgText{X: svgLeft + breadth*m.At/100, Y: float64(y), Text: m.Sign, Explained: m.Clock + ": " + m.Text})
	}
	for _, one := range panels(line, t.Result, errorRows(t.Result)) {
		placed := svgPanel{panel: one, TitleY: y + svgTitle - 10, Y: y + svgTitle}
		y += svgTitle + svgGap + one.Height
		if one.Empty != "" {
			y += svgEmptyPanelLines
		}
		for _, tick := range one.YTicks {
			placed.Left = append(placed.Left, svgText{X: svgLeft - 8, Y: float64(placed.Y) + float64(one.Height)*(1-tick.At/100) + 4, Text: tick.Label})
		}
		for _, label := range one.Labels {
			placed.Right = append(placed.Right, svgText{
				X: svgLeft + breadth + 10, Y: float64(placed.Y+label.Top) + 13, Class: label.Class, Text: strings.TrimSpace(label.Name + " " + label.Value), Key: label.Name != "",
			})
		}
		p.Panels = append(p.Panels, placed)
	}
	for _, tick := range timeTicks(line.end) {
		p.Ticks = append(p.Ticks, svgText{X: svgLeft + breadth*tick.At/100, Y: float64(y), Text: tick.Label})
	}
	p.Height = y + svgAxis
	var whole bytes.Buffer
	if err := picture.Execute(&whole, p); err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	_, err := whole.WriteTo(w)
	return err
}

type svgPicture struct {
	Width, Height          int
	Style, Target, Started string
	Title                  verdict
	Panels                 []svgPanel
	Marks, Ticks           []svgText
}

type svgPanel struct {
	panel
	TitleY, Y   int
	Left, Right []svgText
}

type svgText struct {
	X, Y        float64
	Class, Text string
	Key         bool   // has a line's key beside it
	Explained   string // "": it says all
}

var (
	colour   = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]+)`)
	variable = regexp.MustCompile(`var\(--([a-z0-9-]+)\)`)
)

// plainColours puts the page's light colours in place of their names: few programs besides browsers know those.
func plainColours(css string) string {
	light, _, _ := strings.Cut(pageCSS, "@media")
	colours := map[string]string{}
	for _, m := range colour.FindAllStringSubmatch(light, -1) {
		colours[m[1]] = m[2]
	}
	return variable.ReplaceAllStringFunc(css, func(name string) string { return colours[variable.FindStringSubmatch(name)[1]] })
}

func escapeXML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
