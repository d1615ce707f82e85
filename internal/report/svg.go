package report

import (
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
	return render(w, picture, newPicture(t))
}

func newPicture(t Test) svgPicture {
	line := newTimeline(t.Result)
	p := svgPicture{
		Width: svgWidth, Height: svgTop, Style: plainColours(chartCSS),
		Title: judge(t.Result), Target: t.Result.URL, Started: t.Result.Started.Format("2 January 2006, 15:04 MST"),
	}
	if all := marks(line, t.Result.Decisions); len(all) > 0 {
		p.Height += svgMarks
		for _, m := range all {
			p.Marks = append(p.Marks, svgText{X: alongAxis(m.At), Y: float64(p.Height), Text: m.Sign, Explained: m.Clock + ": " + m.Text})
		}
	}
	for _, one := range panels(line, t.Result, errorRows(t.Result)) {
		p.place(one)
	}
	for _, tick := range timeTicks(line.end) {
		p.Ticks = append(p.Ticks, svgText{X: alongAxis(tick.At), Y: float64(p.Height), Text: tick.Label})
	}
	p.Height += svgAxis
	return p
}

// alongAxis is where a percentage of the time axis is.
func alongAxis(at float64) float64 { return svgLeft + breadth*at/100 }

type svgPicture struct {
	Width, Height          int // Height is as far as what was placed reaches
	Style, Target, Started string
	Title                  verdict
	Panels                 []svgPanel
	Marks, Ticks           []svgText
}

// place puts a panel below those before it.
func (p *svgPicture) place(one panel) {
	top := p.Height + svgTitle
	placed := svgPanel{panel: one, TitleY: top - 10, Y: top}
	for _, tick := range one.YTicks {
		placed.Left = append(placed.Left, svgText{X: svgLeft - 8, Y: float64(top) + float64(one.Height)*(1-tick.At/100) + 4, Text: tick.Label})
	}
	for _, label := range one.Labels {
		placed.Right = append(placed.Right, svgText{
			X: svgLeft + breadth + 10, Y: float64(top+label.Top) + 13, Class: label.Class,
			Text: strings.TrimSpace(label.Name + " " + label.Value), Key: label.Name != "",
		})
	}
	p.Panels = append(p.Panels, placed)
	p.Height = top + one.Height + svgGap
	if one.Empty != "" {
		p.Height += svgEmptyPanelLines
	}
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
