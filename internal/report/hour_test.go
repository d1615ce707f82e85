package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/summary"
)

// scaled is a test of a service that is scaled: the load rises to peak and falls, replicas follow, and two groups of pictures differ in
// what they cost.
func scaled(t testing.TB, length time.Duration, peak float64) report.Test {
	t.Helper()
	r := summary.NewRecorder()
	random := rand.New(rand.NewPCG(1, 2))
	seconds := int(length / time.Second)
	ready, desired, queue := 1, 1, 0.0
	const each = 20.0
	for s := range seconds {
		load := peak * (0.15 + 0.85*math.Sin(math.Pi*float64(s)/float64(seconds)))
		if want := int(math.Ceil(load / each / 0.8)); s%5 == 0 && want != desired {
			r.AddDecision(summary.Decision{Second: float64(s), Text: fmt.Sprintf("%d→%d: offered %.0f rps, %.0f rps per replica, pods take 9 s", desired, want, load, each)})
			desired = want
		}
		if s%7 == 0 && ready != desired {
			ready += (desired - ready) / max(1, abs(desired-ready))
		}
		queue = max(0, queue+load-each*float64(ready))
		r.AddReplicas(summary.Replicas{Second: s, Ready: ready, Desired: desired, Queue: int(queue), Capacity: each * float64(ready), CPU: min(load/each, float64(ready)) * 0.9})
		for i := range int(load) {
			o := summary.Outcome{
				Due:  time.Duration((float64(s) + float64(i)/load) * float64(time.Second)),
				Kind: summary.OK, Bytes: 100_000, Received: 500, Stages: summary.ParseServerTiming("queue;dur=1, decode;dur=2, preprocess;dur=1, inference;dur=8"),
			}
			o.Latency = time.Duration((12 + 40*float64(random.IntN(2)) + 6*random.ExpFloat64() + 1000*queue/(each*float64(ready))) * float64(time.Millisecond))
			if random.IntN(4000) == 0 {
				o.Kind = summary.Refused
			}
			r.Add(o)
		}
	}
	judged := result(t, r, length, "p99<2s", "errors<1%", "per-replica>=10/s")
	judged.URL, judged.Started = "http://localhost:8080/predict", time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	return report.Test{Result: judged, Command: "loadtest --profile sine:75±60/6m/3m", Settings: []report.Setting{{Name: "Profile", Value: "sine"}, {Name: "Seed", Value: "1"}}}
}

func abs(n int) int { return max(n, -n) }

func TestAnHourAtFiveHundredASecondMakesASmallPage(t *testing.T) {
	test := scaled(t, time.Hour, 560)
	var page, picture bytes.Buffer
	if err := errors.Join(report.Write(&page, test), report.WriteSVG(&picture, test)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests: %.2f MB of page, %.2f MB of picture", test.Result.Requests, float64(page.Len())/1e6, float64(picture.Len())/1e6)
	if page.Len() > 3_000_000 || picture.Len() > 3_000_000 || test.Result.Requests < 1_000_000 {
		t.Errorf("%d bytes of page and %d of picture for %d requests", page.Len(), picture.Len(), test.Result.Requests)
	}
	if dir := os.Getenv("REPORTS"); dir != "" {
		os.WriteFile(filepath.Join(dir, "hour.html"), page.Bytes(), 0o644)
	}
}

func TestDecisionsAreMarksThatExplainThemselves(t *testing.T) {
	test := scaled(t, 3*time.Minute, 100)
	p := write(t, test)
	if dir := os.Getenv("REPORTS"); dir != "" {
		os.WriteFile(filepath.Join(dir, "demo.html"), []byte(p.text), 0o644)
		var picture bytes.Buffer
		report.WriteSVG(&picture, test)
		os.WriteFile(filepath.Join(dir, "demo.svg"), picture.Bytes(), 0o644)
	}
	buttons := p.all("button")
	if len(buttons) != len(test.Result.Decisions) || len(buttons) < 5 {
		t.Fatalf("%d marks of %d decisions", len(buttons), len(test.Result.Decisions))
	}
	// The load rises first, and falls in the end.
	if first, last := words(buttons[0]), words(buttons[len(buttons)-1]); !strings.HasPrefix(first, "▲") || !strings.HasPrefix(last, "▼") {
		t.Errorf("the first mark is %q, the last %q", first, last)
	}
	for i, button := range buttons {
		d := test.Result.Decisions[i]
		if !strings.Contains(attribute(button, "aria-label"), d.Text) || !strings.Contains(words(button), d.Text) {
			t.Errorf("mark %d says %q, for %q", i, words(button), d.Text)
		}
	}
	contains(t, p.body(), "What the autoscaler did, in its words", "▲", "▼", "A busy replica", "Where the time went in the server", "inference 8 ms", "CPU of the replicas", "in flight", "capacity")
}

// A picture is XML that no browser is needed for: no variables, no script, and everything within its frame.
func TestThePictureStandsAlone(t *testing.T) {
	test := scaled(t, time.Minute, 60)
	test.Result.URL = `http://x/<&">`
	var b bytes.Buffer
	if err := report.WriteSVG(&b, test); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, bad := range []string{"var(", "<script", "NaN", "Inf", "@media", "%!"} {
		if strings.Contains(text, bad) {
			t.Errorf("it has %q", bad)
		}
	}
	paths := 0
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "path" {
			paths++
		}
	}
	if paths < 20 {
		t.Errorf("%d paths", paths)
	}
	if err := report.WriteSVG(&b, report.Test{Result: result(t, recorded(0, good), time.Second)}); err == nil {
		t.Error("a picture of nothing")
	}
}

var (
	markText  = regexp.MustCompile(`<text x="[^"]+" y="([^"]+)" text-anchor="middle" fill="#8a5a00"`)
	panelText = regexp.MustCompile(`<text x="80" y="([^"]+)" font-weight="600">`)
)

// What the autoscaler did early in a test is beside no title.
func TestThePicturesMarksHaveARowOfTheirOwn(t *testing.T) {
	var b bytes.Buffer
	if err := report.WriteSVG(&b, scaled(t, time.Minute, 60)); err != nil {
		t.Fatal(err)
	}
	height := func(pattern *regexp.Regexp) float64 {
		match := pattern.FindStringSubmatch(b.String())
		if match == nil {
			t.Fatalf("it has no %v", pattern)
		}
		y, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	// A title's letters are as high as 12 of the picture's units.
	if mark, title := height(markText), height(panelText); mark > title-12 {
		t.Errorf("the marks stand at %v, and the first title at %v", mark, title)
	}
}
