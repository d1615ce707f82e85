// Package browser lets tests look at pages with a real Chromium, as users do.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// names are those that a Chromium has on the systems that have one.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// patience is for one action on a machine that is loaded beyond reason.
const patience = time.Minute

// Browser is a Chromium that ends with the test that started it.
type Browser struct{ ctx context.Context }

// Start skips the test where the machine has no Chromium, which a user need not have; CI must.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := find()
	if path == "" && os.Getenv("CI") == "" {
		t.Skipf("none of %q is here: the page is not tested", names)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it has none for root
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		ending, expire := context.WithTimeout(ctx, patience)
		defer expire()
		if err := chromedp.Cancel(ending); err != nil {
			t.Errorf("end the browser: %v", err)
		}
		cancel()
		free()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Tab is one page, with storage and a cache of its own. It fails its test when the page throws, or does what its policy forbids.
type Tab struct {
	Context context.Context // of chromedp's actions
	t       *testing.T
}

// Open opens a tab that closes with the test.
func (b *Browser) Open(t *testing.T, url string, before ...chromedp.Action[chromedp.Void]) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	tab := &Tab{ctx, t}
	tab.Do() // there is a tab now, whose console can be heard
	var hearing sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		hearing.Wait()
	})
	messages := chromedp.Console(ctx)
	hearing.Go(func() {
		for m, err := range messages {
			if err == nil && (m.IsException() || m.Source == "security") {
				t.Errorf("the page: %s (%s:%d)", m.Text, m.URL, m.Line+1)
			}
		}
	})
	tab.Do(before...)
	tab.Do(chromedp.Navigate(url))
	return tab
}

// Do runs actions, all of which must work.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if chromedp.FromContext(tab.Context).Target == nil { // the tab lives as long as the context that makes it
		if err := chromedp.Do(tab.Context); err != nil {
			tab.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(tab.Context, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.t.Fatal(err)
	}
}

// Value is what a JavaScript expression, or the promise that it is, comes to.
func Value[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.Context, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Await waits until a JavaScript expression is true.
func (tab *Tab) Await(expression string) {
	tab.t.Helper()
	testkit.Eventually(tab.t, expression, func() bool { return Value[bool](tab, "Boolean("+expression+")") })
}

// Text is what can be seen of the first element that matches.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return Value[string](tab, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// Size makes the tab as large as a screen.
func Size(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(width, height)
}

// Prefers sets what the user prefers, such as prefers-color-scheme: dark.
func Prefers(feature, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}

// Picture writes the whole page as a picture where `go test -artifacts` keeps it.
func (tab *Tab) Picture(name string) {
	tab.t.Helper()
	png, err := chromedp.Run(tab.Context, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(tab.t.ArtifactDir(), name+".png"), png, 0o644)
	}
	if err != nil {
		tab.t.Error(err)
	}
}
