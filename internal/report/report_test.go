package report_test

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/summary"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

// recorded is a test at one request a second; outcome says how the one due in a second ended.
func recorded(seconds int, outcome func(second int) (summary.Kind, time.Duration)) *summary.Recorder {
	r := summary.NewRecorder()
	for s := range seconds {
		kind, latency := outcome(s)
		r.Add(summary.Outcome{Due: time.Duration(s) * time.Second, Kind: kind, Latency: latency, Bytes: 1000})
	}
	return r
}

func good(int) (summary.Kind, time.Duration) { return summary.OK, 10 * time.Millisecond }

func result(t testing.TB, r *summary.Recorder, length time.Duration, slos ...string) summary.Result {
	t.Helper()
	var parsed []summary.SLO
	for _, text := range slos {
		slo, err := summary.ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, slo)
	}
	return r.Result("constant:1/"+length.String(), length, parsed)
}

// page is a written report as a tree of elements.
type page struct {
	text string
	root *html.Node
}

func write(t testing.TB, test report.Test) page {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, test); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return page{b.String(), root}
}

// all are the elements of a name, with their attributes.
func (p page) all(name string) []*html.Node {
	var found []*html.Node
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// body is what a reader sees: no styles, no script.
func (p page) body() string { return words(p.all("main")[0]) }

func (p page) rows() []string {
	var rows []string
	for _, tr := range p.all("tr") {
		if attribute(tr, "data-at") != "" {
			rows = append(rows, words(tr))
		}
	}
	return rows
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
}

func TestItTellsTheVerdictAndWhatBearsItOut(t *testing.T) {
	r := recorded(60, func(s int) (summary.Kind, time.Duration) {
		if s >= 50 && s < 53 {
			return summary.Timeout, 3 * time.Second
		}
		return good(s)
	})
	for s := range 60 {
		r.AddReplicas(summary.Replicas{Second: s, Ready: 1 + s/30, Desired: 1 + (s+4)/30})
	}
	judged := result(t, r, time.Minute, "p99<250ms", "errors<1%")
	judged.Notes, judged.URL = []string{"It went through the API server."}, "http://x.test/predict"
	judged.Started = time.Date(2026, 11, 24, 2, 20, 0, 0, time.UTC)
	p := write(t, report.Test{
		Result: judged, Command: "loadtest --seed 3", Settings: []report.Setting{{Name: "Seed", Value: "3"}},
	})
	contains(t, p.body(),
		"24 November 2026, 02:20 UTC http://x.test/predict", "Missed 1 of 2 objectives", "57 good answers of 60 requests, 3 lost",
		"✓ kept p99<250ms 10.0ms", "✗ missed errors<1% 5% (3 of 60)", "timeout 3 5 % no answer within --timeout",
		"p99.99 10 ms", "Note It went through the API server.", "loadtest --seed 3", "Seed 3", "Each point is one second.")
	var told []string
	for _, desc := range p.all("desc") {
		told = append(told, words(desc))
	}
	contains(t, strings.Join(told, "\n"),
		"Up to 1/s failed, at 50 s.", "at most 10 ms", "The objective is p99<250ms", "timeout: 3.", "Ready replicas: 1 at 0 s, 2 at 30 s. Desired: 1 at 0 s, 2 at 26 s, 3 at 56 s.")
	if rows := p.rows(); len(rows) != 60 || rows[51] != "51 s 1/s 0/s 1/s – – 2 2 2 0 –" || rows[27] != "27 s 1/s 1/s 0/s 10 ms 10 ms 1 2 0 0 –" {
		t.Errorf("%d rows, such as %q", len(rows), rows[27])
	}
}

func TestVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		slos []string
		want string
	}{
		"none":      {nil, "– No objective was set"},
		"one kept":  {[]string{"p99<1s"}, "✓ Kept its objective"},
		"one lost":  {[]string{"p99<1ms"}, "✗ Missed its objective"},
		"all kept":  {[]string{"p99<1s", "errors<=0%"}, "✓ Kept all 2 objectives"},
		"some lost": {[]string{"p99<1s", "p50<1ms"}, "✗ Missed 1 of 2 objectives"},
	} {
		p := write(t, report.Test{Result: result(t, recorded(5, good), 5*time.Second, test.slos...)})
		if !strings.Contains(p.body(), test.want) {
			t.Errorf("%s: want %q in %s", name, test.want, p.body())
		}
	}
}

func TestEdgesOfATest(t *testing.T) {
	refused := func(int) (summary.Kind, time.Duration) { return summary.Connect, time.Millisecond }
	late := result(t, recorded(3, good), 3*time.Second)
	late.Early, late.Lag = true, summary.Lag{P99: 40, Max: 1500}
	early := result(t, recorded(3, good), 3*time.Second, "p99<1s")
	early.Early = true
	for name, test := range map[string]struct {
		result summary.Result
		says   string
		charts int
	}{
		"nothing was due": {result(t, recorded(0, good), 5*time.Second), "No request was due", 0},
		"all failed":      {result(t, recorded(9, refused), 9*time.Second), "No request got a good answer", 3},
		"no replicas":     {result(t, recorded(9, good), 9*time.Second), "How many replicas there were is not known", 4},
		"ended early":     {late, "ended early, after 3 s", 4},
		"early, no miss":  {early, "– Ended early, its objectives kept until then", 4},
		"sender was late": {late, "it sent 40 ms late at the 99th percentile, 1.5 s at most", 4},
		"a fifth of 1 s":  {result(t, recorded(1, good), 200*time.Millisecond), "5/s", 4},
	} {
		p := write(t, report.Test{Result: test.result})
		charts := 0
		for _, svg := range p.all("svg") {
			if attribute(svg, "role") == "img" {
				charts++
			}
		}
		if !strings.Contains(p.body(), test.says) || charts != test.charts {
			t.Errorf("%s: %d charts, want %d, and %q in %s", name, charts, test.charts, test.says, p.body())
		}
	}
}

// One bad second of an hour is one of 3,600: it has to be seen whatever the width of a point.
func TestAnHourKeepsItsWorstSecond(t *testing.T) {
	r := recorded(3600, func(s int) (summary.Kind, time.Duration) {
		switch s {
		case 1234:
			return summary.OK, 5 * time.Second
		case 3000:
			return summary.Broken, time.Second
		}
		return good(s)
	})
	p := write(t, report.Test{Result: result(t, r, time.Hour)})
	rows := p.rows()
	if len(rows) != 360 {
		t.Fatalf("%d points, want one for 10 s each", len(rows))
	}
	// The seconds' own histograms keep two digits.
	if want := "20:30 1/s 1/s 0/s 5.02 s 5.02 s – – 1 – –"; rows[123] != want {
		t.Errorf("the bucket of the bad second is %q, want %q", rows[123], want)
	}
	if want := "50:00 1/s 0.9/s 0.1/s 10 ms 10 ms – – 1 – –"; rows[300] != want {
		t.Errorf("the bucket of the failure is %q, want %q", rows[300], want)
	}
	contains(t, p.body(), "Each point is 10 s: rates are its mean, percentiles those of its worst second, errors its sum.")
}

// Three milliseconds after the schedule the last answer comes: as a second of its own it would look like hundreds a second.
func TestALastSliverMakesNoSpike(t *testing.T) {
	r := summary.NewRecorder()
	for i := range 30 {
		r.Add(summary.Outcome{Due: time.Duration(i) * 100 * time.Millisecond, Latency: 103 * time.Millisecond, Kind: summary.OK})
	}
	rows := write(t, report.Test{Result: result(t, r, 3*time.Second)}).rows()
	if len(rows) != 3 || !strings.HasPrefix(rows[2], "2 s 10/s 11") {
		t.Errorf("rows %q, want 3, the last with 11 answers in just over a second", rows)
	}
}

func TestItStandsAlone(t *testing.T) {
	p := write(t, report.Test{Result: result(t, recorded(5, good), 5*time.Second)})
	for _, name := range []string{"link", "img", "iframe", "object", "embed", "base"} {
		if n := len(p.all(name)); n > 0 {
			t.Errorf("%d <%s>", n, name)
		}
	}
	for _, script := range p.all("script") {
		if attribute(script, "src") != "" {
			t.Errorf("a script from elsewhere: %v", script.Attr)
		}
	}
	if at := regexp.MustCompile(`@import|url\(|fetch\(|XMLHttp|import\s`).FindString(p.text); at != "" {
		t.Errorf("the page reaches out with %q", at)
	}
}

func TestWordsOfOthersStayWords(t *testing.T) {
	evil := `</style></script><script>alert(1)</script>`
	noted := result(t, recorded(2, good), 2*time.Second)
	noted.Notes, noted.URL = []string{evil}, evil
	p := write(t, report.Test{Result: noted, Command: evil, Settings: []report.Setting{{Name: evil, Value: evil}}})
	if n := len(p.all("script")); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
}

func TestEveryChartHasWords(t *testing.T) {
	r := recorded(20, func(s int) (summary.Kind, time.Duration) {
		if s == 3 {
			return summary.Refused, time.Millisecond
		}
		return good(s)
	})
	r.AddReplicas(summary.Replicas{Ready: 1, Desired: -1})
	p := write(t, report.Test{Result: result(t, r, 20*time.Second)})
	ids := map[string]bool{}
	for n := range p.root.Descendants() {
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %s is there twice", id)
			}
			ids[id] = true
		}
	}
	charts := 0
	for _, svg := range p.all("svg") {
		if attribute(svg, "role") != "img" {
			continue
		}
		charts++
		said := map[string]string{}
		for n := range svg.ChildNodes() {
			said[n.Data] = words(n)
		}
		if said["title"] == "" || said["desc"] == "" {
			t.Errorf("a chart is called %q, and says %q", said["title"], said["desc"])
		}
	}
	if charts != 6 {
		t.Errorf("%d charts, want 6", charts)
	}
	contains(t, p.body(), "no cluster was asked")
}

var number = regexp.MustCompile(`-?[0-9.]+|NaN|Inf`)

// Whatever happened, every path is made of finite numbers inside its drawing, and every label stands beside it.
func TestDrawingsStayInside(t *testing.T) {
	kinds := []summary.Kind{summary.OK, summary.OK, summary.OK, summary.Timeout, summary.Refused, summary.Connect}
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.IntRange(1, 1000).Draw(t, "seconds")
		r := summary.NewRecorder()
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			r.Add(summary.Outcome{
				Due:     time.Duration(rapid.Int64Range(0, int64(seconds)*int64(time.Second)-1).Draw(t, "due")),
				Latency: time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "latency")),
				Kind:    rapid.SampledFrom(kinds).Draw(t, "kind"),
			})
		}
		for s := range seconds {
			if rapid.IntRange(0, 9).Draw(t, "seen") > 2 {
				r.AddReplicas(summary.Replicas{Second: s, Ready: rapid.IntRange(0, 40).Draw(t, "ready"), Desired: rapid.IntRange(-1, 40).Draw(t, "desired")})
			}
		}
		inside(t, r.Result("x", time.Duration(seconds)*time.Second, nil))
	})
}

func inside(t *rapid.T, r summary.Result) {
	var b bytes.Buffer
	if err := report.Write(&b, report.Test{Result: r}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	p := page{root: root}
	for _, svg := range p.all("svg") {
		var height float64
		if attribute(svg, "role") != "img" {
			continue
		}
		if _, err := fmt.Sscanf(attribute(svg, "viewbox")+attribute(svg, "viewBox"), "0 0 1000 %g", &height); err != nil {
			t.Fatalf("viewBox: %v of %v", err, svg.Attr)
		}
		for n := range svg.Descendants() {
			for _, text := range number.FindAllString(attribute(n, "d"), -1) {
				v, err := strconv.ParseFloat(text, 64)
				if err != nil || math.Abs(v) > 1000.1 || math.IsNaN(v) {
					t.Fatalf("%s in a path %s", text, attribute(n, "d"))
				}
			}
		}
	}
	for _, li := range p.all("li") {
		var top int
		if _, err := fmt.Sscanf(attribute(li, "style"), "top:%dpx", &top); err != nil || top < -20 || top > 320 {
			t.Fatalf("a label at %q", attribute(li, "style"))
		}
	}
}
