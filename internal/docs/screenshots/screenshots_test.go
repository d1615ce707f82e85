package screenshots

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"
	"resnet-autoscaling/internal/testkit/browser"

	"github.com/chromedp/chromedp"
)

var out = flag.String("screenshots.out", "", "the folder that the pictures are written to; without it none are taken")

const (
	service = "http://127.0.0.1:8080"
	// busy is when there is enough to be seen: so many replicas are ready.
	busy = 4
)

func TestTakeScreenshots(t *testing.T) {
	if *out == "" {
		t.Skip("they are taken by make screenshots")
	}
	root := testkit.Root(t)
	report := filepath.Join(t.TempDir(), "report.html")
	demo := exec.Command(filepath.Join(root, "bin", "local"), "demo", "--report", report)
	demo.Dir, demo.Stdout, demo.Stderr = root, os.Stdout, os.Stderr
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait() }()
	t.Cleanup(func() { _ = demo.Process.Signal(syscall.SIGINT) }) // it has ended, unless something failed before
	b := browser.Start(t)
	awaitBusy(t, ended)
	takePage(t, b)
	if err := <-ended; err != nil {
		t.Fatalf("the demo: %v", err)
	}
	takeReport(t, b, report)
}

// awaitBusy waits for the demo's load to be served by many replicas.
func awaitBusy(t *testing.T, ended <-chan error) {
	t.Helper()
	for ready() < busy {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended before it was busy: %v", err)
		case <-time.After(time.Second):
		}
	}
}

// ready is how many replicas are; none while nobody answers.
func ready() int {
	resp, err := http.Get(service + api.PathStatus)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var status api.DispatcherStatus
	if json.NewDecoder(resp.Body).Decode(&status) != nil {
		return 0
	}
	return status.ReadyReplicas()
}

// takePage takes the page with the answer to a sample, and with what the service does meanwhile.
func takePage(t *testing.T, b *browser.Browser) {
	t.Helper()
	each(t, "page", func(mode string) []byte {
		tab := b.Open(t, service+"/", browser.Size(1000, 760), browser.Prefers("prefers-color-scheme", mode))
		tab.Do(chromedp.Click(chromedp.CSS("[data-sample='garbage-truck.jpg']")))
		tab.Await(`!document.querySelector("#result").hidden && document.querySelector("#link").dataset.link === "live"`)
		return shot(t, tab)
	})
}

// takeReport takes the report from where its charts begin.
func takeReport(t *testing.T, b *browser.Browser, file string) {
	t.Helper()
	each(t, "report", func(mode string) []byte {
		tab := b.Open(t, "file://"+file, browser.Size(880, 1510), browser.Prefers("prefers-color-scheme", mode))
		tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#charts").closest("section").scrollIntoView()`))
		return shot(t, tab)
	})
}

func shot(t *testing.T, tab *browser.Tab) []byte {
	t.Helper()
	picture, err := chromedp.Run(tab.Context, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	small, err := fewColours(picture)
	if err != nil {
		t.Fatal(err)
	}
	return small
}

// each writes NAME-light.png and NAME-dark.png.
func each(t *testing.T, name string, take func(mode string) []byte) {
	t.Helper()
	for _, mode := range []string{"light", "dark"} {
		png := take(mode)
		if err := os.WriteFile(filepath.Join(*out, fmt.Sprintf("%s-%s.png", name, mode)), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
