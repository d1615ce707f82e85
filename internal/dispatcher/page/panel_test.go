package page_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/testkit"
	"resnet-autoscaling/internal/testkit/browser"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func link(state string) string {
	return fmt.Sprintf(`document.querySelector("#link").textContent === %q`, state)
}

func says(selector, text string) string {
	return fmt.Sprintf(`document.querySelector(%q).innerText.includes(%q)`, selector, text)
}

// offer sends requests, all at once, which have been answered when the test ends.
func (s *system) offer(t *testing.T, n int) {
	t.Helper()
	var sending sync.WaitGroup
	t.Cleanup(func() {
		sending.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	for range n {
		sending.Go(func() {
			resp, err := http.Post(s.url+api.PathPredict, "image/jpeg", strings.NewReader("picture"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s, %v", resp.Status, err)
			}
		})
	}
}

func eventsAreParsed(t *testing.T, b *browser.Browser) {
	tab := b.Open(t, start(t, anywhere).url)
	for _, test := range []struct{ name, pieces, want string }{
		{"in one piece", `["event: a\ndata: 1\n\n"]`, `[["a","1",""]]`},
		{"in pieces", `["ev","ent: a\nda","ta: 1\n","\n"]`, `[["a","1",""]]`},
		{"all line ends", `["event: a\r\ndata: 1\r\n\r\n", "data: 2\r\rdata: 3\n\n"]`, `[["a","1",""],["message","2",""],["message","3",""]]`},
		{"a CRLF in two pieces", `["data: 1\r","\ndata: 2\r","\n\r","\n"]`, `[["message","1\n2",""]]`},
		{"several lines", `["data: 1\ndata:2\ndata\ndata:  3\n\n"]`, `[["message","1\n2\n\n 3",""]]`},
		{"comments", `[":\n\n: data: 1\n\ndata: 2\n\n"]`, `[["message","2",""]]`},
		{"no data, no event", `["event: a\n\ndata: 1\n\n"]`, `[["message","1",""]]`},
		{"an id stays", `["id: 7\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\n"]`, `[["message","1","7"],["message","2","7"],["message","3",""]]`},
		{"unknown fields", `["retry: soon\nsecret: 1\ndata: 2\n\n"]`, `[["message","2",""]]`},
		{"cut off", `["data: 1\n\ndata: 2\n"]`, `[["message","1",""]]`},
	} {
		got := browser.Value[string](tab, fmt.Sprintf(`import("./page/stream.js").then(({ Parser }) => {
			const heard = [];
			const parser = new Parser((...event) => heard.push(event));
			%s.forEach((piece) => parser.push(piece));
			return JSON.stringify(heard); })`, test.pieces))
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if retry := browser.Value[int](tab, `import("./page/stream.js").then(({ Parser }) => {
		const parser = new Parser(() => {});
		parser.push("retry: 250\n\n");
		return parser.retry; })`); retry != 250 {
		t.Errorf("retry: 250 was read as %d", retry)
	}
}

// Of a replica that has more than its slots take, the rest was sent ahead.
func replicasAreToldInWords(t *testing.T, b *browser.Browser) {
	tab := b.Open(t, setScene(t).url)
	tab.Await(link("live"))
	wantWords(t, tab.Text("#replicas"), "ready, idle", "ready, 2 of 4 busy", "ejected, 4 of 4 busy", "draining, 4 of 4 busy, 1 next")
}

func panelShows(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("resnet-7d9f-a", 1), with("resnet-7d9f-b", 1), with("resnet-7d9f-c", 0))
	release := s.fleet.hold()
	defer release()
	tab := b.Open(t, s.url)
	tab.Await(says("#summary", "2 replicas ready, 1 connecting; none at work."))
	tab.Await(says("#replicas", "…b\nready, idle"))
	s.offer(t, 5)
	tab.Await(says("#summary", "2 at work") + " && " + says("#waiting", "3"))
	leaving := s.fleet.one("resnet-7d9f-b", 1)
	leaving.Serving = false
	s.fleet.found <- []balance.Endpoint{s.fleet.one("resnet-7d9f-a", 1), leaving, s.fleet.one("resnet-7d9f-c", 0)}
	tab.Await(says("#summary", "1 replica ready, 1 connecting, 1 draining; 2 at work."))
	wantWords(t, tab.Text("#replicas"), "…a\nready, 1 of 1 busy", "…b\ndraining, 1 of 1 busy", "…c\nconnecting")
	tab.Do(chromedp.Click(chromedp.CSS("#figures summary")))
	tab.Await(says("#figures", "resnet-7d9f-a\tready\t1\t1\t88.8/s\t–"))
	wantWords(t, tab.Text("#figures"), "resnet-7d9f-b\tdraining\t1\t1", "resnet-7d9f-c\tconnecting\t0\t–\t–\t–")

	release()
	tab.Await(says("#summary", "none at work") + " && " + says("#waiting", "0"))
	tab.Await(`/\d ms|\d s/.test(document.querySelector("#p50").textContent) && /[1-9]/.test(document.querySelector("#served").textContent)`)
	tab.Await(`document.querySelector("#spark path.offered").getAttribute("d").includes("L")`)
	decisionsAreShown(t, s, tab)
}

func decisionsAreShown(t *testing.T, s *system, tab *browser.Tab) {
	t.Helper()
	tab.Await(says("#undecided", "cannot be read"))
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.Local)
	s.decisions <- func(decided func(time.Time, string), readable func(bool)) {
		readable(true)
		decided(noon.Add(time.Minute), "4 stays (hold: stale): the newest sample is <b>25 s</b> old")
		decided(noon, "2→4: requests 13.1/s per replica: 5 wanted")
		decided(noon.Add(2*time.Minute), "of another form")
	}
	tab.Await(`document.querySelectorAll("#decisions li").length === 3 && document.querySelector("#undecided").textContent === ""`)
	want := "12:02:00\nof another form\n12:01:00\n4 stays (hold: stale) the newest sample is <b>25 s</b> old\n12:00:00\n2→4 requests 13.1/s per replica: 5 wanted"
	if got := tab.Text("#decisions"); strings.ReplaceAll(got, "\n\n", "\n") != want {
		t.Errorf("the decisions read\n%s\nwant\n%s", got, want)
	}
	s.decisions <- func(_ func(time.Time, string), readable func(bool)) { readable(false) }
	tab.Await(says("#undecided", "cannot be read"))
}

func noReplicaHasASentence(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere)
	tab := b.Open(t, s.url)
	tab.Await(says("#summary", "No replica is up: requests are held until one is."))
	tab.Do(chromedp.Click(sampleButton))
	tab.Await(says("#state", "No replica is up: your picture waits until one is."))
	tab.Await(says("#waiting", "1"))
	s.fleet.found <- []balance.Endpoint{s.fleet.one("a", 1)}
	tab.Await(shown)
	tab.Await(says("#summary", "1 replica ready; none at work."))
}

func pageReconnects(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	decide := func(s *system) {
		s.decisions <- func(decided func(time.Time, string), _ func(bool)) {
			decided(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), "1→2: the same for all who read it")
		}
	}
	decide(s)
	tab := b.Open(t, s.url)
	tab.Await(link("live") + " && " + says("#summary", "1 replica ready"))
	s.stop()
	tab.Await(link("reconnecting…"))
	again := start(t, strings.TrimPrefix(s.url, "http://"), with("a", 1), with("b", 1))
	decide(again)
	tab.Await(link("live") + " && " + says("#summary", "2 replicas ready"))
	if n := browser.Value[int](tab, `document.querySelectorAll("#decisions li").length`); n != 1 {
		t.Errorf("%d decisions are shown, want the one that both dispatchers told", n)
	}
}

// hiddenPageDoesNotListen: browsers allow six connections to a server, and a tab that nobody looks at should have none of them.
func hiddenPageDoesNotListen(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
			window.streams = { opened: 0, ended: 0 };
			const fetched = window.fetch;
			window.fetch = (path, init) => {
				if (path === "events") {
					streams.opened++;
					init.signal.addEventListener("abort", () => { streams.ended++; });
				}
				return fetched(path, init);
			};`})
		return err
	}))
	tab.Await(link("live"))
	show := func(is bool) {
		tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`
			Object.defineProperty(document, "hidden", { value: %v, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"))`, !is)))
	}
	show(false)
	tab.Await("streams.ended === 1")
	s.fleet.found <- []balance.Endpoint{s.fleet.one("a", 1), s.fleet.one("b", 1)}
	testkit.Eventually(t, "the dispatcher has both", func() bool {
		return browser.Value[int](tab, `fetch("status").then((r) => r.json()).then((s) => s.replicas.length)`) == 2
	})
	if opened := browser.Value[int](tab, "streams.opened"); opened != 1 {
		t.Errorf("%d streams were opened while the page was hidden", opened-1)
	}
	show(true)
	tab.Await(says("#summary", "2 replicas ready") + " && streams.opened === 2")
}

func thousandAreDrawn(t *testing.T, b *browser.Browser) {
	var replicas []func(*fleet) balance.Endpoint
	for i := range 1000 {
		replicas = append(replicas, with(fmt.Sprintf("resnet-inference-7d9f8b6c5-%03d", i), 1))
	}
	s := start(t, anywhere, replicas...)
	release := s.fleet.hold()
	defer release()
	tab := b.Open(t, s.url, browser.Size(1280, 900))
	tab.Await(says("#summary", "1,000 replicas ready; none at work."))
	s.offer(t, 99)
	tab.Await(says("#summary", "99 at work"))
	if n := browser.Value[int](tab, `document.querySelectorAll("#replicas.dense > li[data-state=ready]").length`); n != 1000 {
		t.Errorf("%d cells, want 1000", n)
	}
	tab.Picture("thousand")
	tab.Do(chromedp.Click(chromedp.CSS("#figures summary")))
	tab.Await(`document.querySelectorAll("#figures tbody tr").length === 1000`)
	tab.Do(chromedp.Click(sampleButton))
	release()
	tab.Await(shown)
	// What a status does not change is not touched.
	touched := browser.Value[int](tab, `import("./page/replicas.js").then(async ({ Cells }) => {
		const list = document.createElement("ul");
		const cells = new Cells(list);
		const replicas = Array.from({ length: 1000 }, (_, i) => ({ name: "r-" + i, state: "ready", slots: 1, in_flight: 0 }));
		cells.show(replicas);
		let changes = 0;
		const observer = new MutationObserver((list) => { changes += list.length; });
		observer.observe(list, { subtree: true, childList: true, attributes: true, characterData: true });
		replicas[7].in_flight = 1;
		cells.show(replicas);
		changes += observer.takeRecords().length;
		return changes; })`)
	if touched < 1 || touched > 10 {
		t.Errorf("%d changes of the page for one of a thousand replicas", touched)
	}
}
