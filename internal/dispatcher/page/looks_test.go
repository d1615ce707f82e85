package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/dispatcher/page"
	"resnet-autoscaling/internal/testkit/browser"

	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-chi/chi/v5"
)

// scene is a service of which there is all to be seen that there can be: the dispatcher is played too.
type scene struct {
	url string
	cut chan struct{} // closed to end the streams
}

func setScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{cut: make(chan struct{})}
	routes := chi.NewRouter()
	page.Routes(routes)
	routes.Get(api.PathEvents, s.events)
	routes.Post(api.PathPredict, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 20_000 { // all samples are larger but St Peter's
			p := api.NewProblem(http.StatusServiceUnavailable, "queue-full", "2048 requests wait already: %s", strings.Repeat("try-again-in-a-moment-", 8))
			p.RetryAfter = 3 * time.Hour
			p.Write(w, "")
			return
		}
		_ = json.NewEncoder(w).Encode(church)
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	s.url = server.URL
	return s
}

func (s *scene) events(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.cut:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	default:
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(name string, value any) {
		data, _ := json.Marshal(value)
		fmt.Fprintf(w, "id: %x\nevent: %s\ndata: %s\n\n", len(data), name, data)
	}
	history := make([]api.RateStatus, 120)
	for i := range history {
		history[i] = api.RateStatus{OfferedRPS: float64(100 + i*i%37 + i), ServedRPS: float64(90 + i*i%37 + i/2)}
	}
	send(api.EventHistory, history)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i, text := range []string{
		"2→4: requests 13.1/s per replica, target 7/s (1.87×); cpu 90% of the request, target 70% (1.29×)",
		"4 stays (hold: stale): the newest sample of cpu is 25 s old, older than 20 s", "4→8: " + strings.Repeat("a-very-long-reason-", 10),
	} {
		send(api.EventDecision, api.Decision{At: now.Add(time.Duration(i) * time.Minute), Text: text})
	}
	send(api.EventStatus, fullStatus(history))
	_ = http.NewResponseController(w).Flush()
	select {
	case <-s.cut:
	case <-r.Context().Done():
	}
}

// fullStatus has replicas of each state, empty and full.
func fullStatus(history []api.RateStatus) api.DispatcherStatus {
	status := api.DispatcherStatus{
		Queue: api.QueueStatus{Length: 1234, Limit: 2048}, Rates: history[len(history)-1],
		Latency: api.LatencyStatus{P50: 94, P99: 1219, Answers: 1000}, Decisions: api.DecisionsUnreadable,
	}
	for i, state := range []api.ReplicaState{api.ReplicaReady, api.ReplicaReady, api.ReplicaReady, api.ReplicaConnecting, api.ReplicaEjected, api.ReplicaDraining} {
		name := fmt.Sprintf("resnet-inference-of-the-department-of-applied-pomology-7d9f8b6c5-%05x", 67321*(i+1))
		status.Replicas = append(status.Replicas, api.ReplicaStatus{Name: name, State: state, Slots: 4, InFlight: i, CapacityRPS: 88.8, LatencyMS: 12})
	}
	return status
}

// acts are what there is to be looked at, one after the other.
func (s *scene) acts(tab *browser.Tab, look func(name string)) {
	tab.Await(link("live"))
	look("start")
	tab.Do(chromedp.Click(chromedp.CSS("#figures summary")), chromedp.Click(sampleButton))
	tab.Await(shown)
	look("result")
	tab.Do(chromedp.Click(chromedp.CSS("[data-sample='st-peter.jpg']")))
	tab.Await(refused)
	look("error")
	close(s.cut)
	tab.Await(link("reconnecting…"))
	look("reconnecting")
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#locked").hidden = false; document.querySelector("#ask").showModal()`))
	look("key")
}

func narrowScreen(t *testing.T, b *browser.Browser) {
	for _, width := range []int64{360, 320} {
		s := setScene(t)
		tab := b.Open(t, s.url, browser.Size(width, 740))
		s.acts(tab, func(name string) {
			if wide := browser.Value[int64](tab, "document.scrollingElement.scrollWidth"); wide > width {
				t.Errorf("%s: %d wide on a screen of %d: %s", name, wide, width, browser.Value[string](tab, fmt.Sprintf(`
					[...document.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > %d).map((e) => e.outerHTML.slice(0, 80)).join("\n")`, width)))
			}
		})
	}
}

// readContrast lists the texts that are to be seen, with the contrast of each to its ground as WCAG 2 computes it, and what AA asks for.
const readContrast = `(() => {
	const channels = (color) => {
		const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
		return { rgb: [r, g, b], a };
	};
	const over = (top, below) => top.rgb.map((c, i) => c * top.a + below[i] * (1 - top.a));
	const luminance = (rgb) => {
		const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const ground = (e) => {
		const own = channels(getComputedStyle(e).backgroundColor);
		if (own.a === 1) return own.rgb;
		return over(own, e.parentElement ? ground(e.parentElement) : [255, 255, 255]);
	};
	const found = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let text; (text = walker.nextNode());) {
		const e = text.parentElement;
		if (!text.data.trim() || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
		if (document.querySelector("dialog[open]") && !e.closest("dialog")) continue; // behind the backdrop
		const style = getComputedStyle(e);
		const behind = ground(e);
		const [light, dark] = [luminance(over(channels(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
		const size = parseFloat(style.fontSize);
		const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
		let faded = 1;
		for (let up = e; up; up = up.parentElement) faded *= getComputedStyle(up).opacity;
		found.push({ text: text.data.trim().slice(0, 40), ratio: faded < 1 ? 1 : (light + 0.05) / (dark + 0.05), needed: large ? 3 : 4.5 });
	}
	return found;
})()`

// readShapes lists the contrast of the colours that shapes are told by, for which AA asks 3.
const readShapes = `(() => {
	const style = getComputedStyle(document.documentElement);
	const luminance = (name) => {
		const [r, g, b] = style.getPropertyValue(name).match(/[0-9a-f]{2}/g).map((c) => parseInt(c, 16) / 255)
			.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	return [["--edge", "--ground"], ["--edge", "--raised"], ["--accent", "--ground"], ["--accent", "--raised"], ["--accent", "--track"], ["--bad", "--ground"],
		["--bad", "--bad-ground"], ["--text", "--soft"]].map(([a, b]) => {
		const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
		return { text: a + " on " + b, ratio: (light + 0.05) / (dark + 0.05), needed: 3 };
	});
})()`

func textCanBeRead(t *testing.T, b *browser.Browser) {
	type pair struct {
		Text          string
		Ratio, Needed float64
	}
	for _, mode := range []string{"light", "dark"} {
		for size, screen := range map[string]chromedp.Action[chromedp.Void]{"desktop": browser.Size(1280, 900), "phone": browser.Size(360, 740)} {
			s := setScene(t)
			tab := b.Open(t, s.url, browser.Prefers("prefers-color-scheme", mode), screen)
			read := 0
			s.acts(tab, func(name string) {
				pairs := append(browser.Value[[]pair](tab, readContrast), browser.Value[[]pair](tab, readShapes)...)
				read += len(pairs)
				for _, p := range pairs {
					if p.Ratio < p.Needed {
						t.Errorf("%s, %s, %s: %q has a contrast of %.2f, AA asks for %v", mode, size, name, p.Text, p.Ratio, p.Needed)
					}
				}
				tab.Picture(strings.Join([]string{"page", size, mode, name}, "-"))
			})
			if read < 150 {
				t.Errorf("%s: only %d texts were read", mode, read)
			}
			if dark := browser.Value[bool](tab, `getComputedStyle(document.body).backgroundColor === "rgb(15, 20, 25)"`); dark != (mode == "dark") {
				t.Errorf("who prefers %s gets another ground", mode)
			}
		}
	}
}

// focusables are what can be reached, in the order of the page.
const focusables = `[...document.querySelectorAll("a[href], button, input, summary, [tabindex]")].filter((e) => e.checkVisibility() && e.tabIndex >= 0)`

func keyboardIsEnough(t *testing.T, b *browser.Browser) {
	s := setScene(t)
	tab := b.Open(t, s.url)
	tab.Await(link("live"))
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#figures").open = true`))
	all := browser.Value[int](tab, focusables+`.length`)
	if all < 10 {
		t.Fatalf("only %d elements can be reached", all)
	}
	for i := range all {
		tab.Do(chromedp.KeyEvent(kb.Tab))
		if at := browser.Value[int](tab, focusables+`.indexOf(document.activeElement)`); at != i {
			t.Fatalf("the %dth Tab led to %s (%d)", i+1, browser.Value[string](tab, `document.activeElement.outerHTML`), at)
		}
		ring := browser.Value[string](tab, `(() => {
			const e = document.activeElement.id === "file" ? document.querySelector("label[for=file]") : document.activeElement;
			const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(e);
			return [outlineStyle, outlineWidth, outlineColor].join(" ") })()`)
		if ring != "solid 3px rgb(10, 92, 194)" {
			t.Errorf("the focus on %s shows as %q", browser.Value[string](tab, `document.activeElement.outerHTML`), ring)
		}
	}

	focus := func(selector string) {
		tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).focus()`, selector)))
	}
	focus("[data-sample='church.jpg']")
	tab.Do(chromedp.KeyEvent(kb.Enter))
	tab.Await(shown)
	focus("[data-sample='st-peter.jpg']")
	tab.Do(chromedp.KeyEvent(" "))
	tab.Await(refused)
	const again = `document.activeElement.id === "again"`
	tab.Do(chromedp.KeyEvent(kb.Tab))
	tab.Await(again)
	tab.Do(chromedp.KeyEvent(kb.Enter))
	tab.Await("!(" + again + ") && " + refused) // it went, and came again
	tab.Do(chromedp.KeyEvent(kb.Tab))
	tab.Await(again)

	choosing := chromedp.Events(tab.Context, devtools.FileChooserOpened)
	tab.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, devtools.SetInterceptFileChooserDialog, devtools.SetInterceptFileChooserDialogParams{Enabled: true})
		return err
	}))
	focus("#file")
	tab.Do(chromedp.KeyEvent(kb.Enter))
	for _, err := range choosing {
		if err != nil {
			t.Error(err)
		}
		break
	}
	hears(t, tab)
}

// hears checks what a screen reader is told of as it changes, and by which names it knows what there is.
func hears(t *testing.T, tab *browser.Tab) {
	t.Helper()
	for selector, role := range map[string]string{"#state": "status", "#problem": "alert", "#link": "status"} {
		if got := browser.Value[string](tab, fmt.Sprintf(`document.querySelector(%q).getAttribute("role")`, selector)); got != role {
			t.Errorf("%s is a %q, want a %s", selector, got, role)
		}
	}
	nameless := browser.Value[[]string](tab, focusables+`.filter((e) => !(e.innerText.trim() || e.ariaLabel || e.labels?.length || e.querySelector("img[alt]:not([alt=''])"))).map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("these have no name: %q", nameless)
	}
	if roles := browser.Value[[]string](tab, `[...document.querySelectorAll("main, header, footer, h1")].map((e) => e.localName)`); !slices.Equal(roles, []string{"header", "h1", "main", "footer"}) {
		t.Errorf("the page is made of %v", roles)
	}
}

func nothingMoves(t *testing.T, b *browser.Browser) {
	s := setScene(t)
	moving := func(tab *browser.Tab) string {
		tab.Await(link("live"))
		tab.Do(chromedp.Evaluate[chromedp.Void](`document.body.classList.add("busy")`))
		return browser.Value[string](tab, `getComputedStyle(document.querySelector("#state"), "::after").animationName + " " + getComputedStyle(document.querySelector(".box .fill")).transitionDuration`)
	}
	if got := moving(b.Open(t, s.url)); got != "turn 0.25s" {
		t.Errorf("otherwise: %q", got)
	}
	if got := moving(b.Open(t, s.url, browser.Prefers("prefers-reduced-motion", "reduce"))); got != "none 0s" {
		t.Errorf("with reduced motion: %q", got)
	}
}
