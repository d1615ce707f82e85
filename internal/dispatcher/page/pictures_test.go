package page_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"
	"resnet-autoscaling/internal/testkit/browser"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	sampleButton = chromedp.CSS("[data-sample='church.jpg']")
	shown        = `!document.querySelector("#result").hidden`
	refused      = `!document.querySelector("#problem").hidden`
)

func sampleIsClassified(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	tab.Do(chromedp.Click(sampleButton))
	tab.Await(shown)
	wantWords(t, tab.Text("#labels"), "church", "91.6 %", "gas pump", "2.1 %", "garbage truck", "1 %")
	wantWords(t, tab.Text("#result"), "Answered in", "at the replica", "network and dispatcher", "replica: queue", "0 ms", "replica: decode", "0.4 ms",
		"replica: preprocess", "0.1 ms", "replica: inference", "11 ms", "Model resnet18, version 1.")
	if state := tab.Text("#state"); state != "church, 91.6 %" {
		t.Errorf("who hears the page hears %q", state)
	}
	for selector, share := range map[string]float64{"#labels li:nth-child(1)": 0.9159, "#labels li:nth-child(2)": 0.0209} {
		got := browser.Value[float64](tab, fmt.Sprintf(`(() => {
			const [fill, track] = [".fill", ".track"].map((c) => document.querySelector(%q + " " + c).getBoundingClientRect().width);
			return fill / track })()`, selector))
		if got < share-0.005 || got > share+0.005 {
			t.Errorf("the bar of %s fills %.3f of its track, want %.3f", selector, got, share)
		}
	}
	if sent := s.fleet.sent(); len(sent) != 1 || !bytes.Equal(sent[0], file(t, "samples/church.jpg")) {
		t.Errorf("%d pictures were sent, want the sample as it is", len(sent))
	}
	if width := browser.Value[int](tab, `document.querySelector("#preview").naturalWidth`); width != 300 {
		t.Errorf("the picture that is shown is %d wide, want the sample's 300", width)
	}
}

func fileIsChosen(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	for n := 1; n <= 2; n++ { // the same one again, too
		tab.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{absolute(t, "samples/parachute.jpg")}))
		testkit.Eventually(t, "the picture is sent", func() bool { return len(s.fleet.sent()) == n })
	}
	tab.Await(shown)
	if !bytes.Equal(s.fleet.sent()[1], file(t, "samples/parachute.jpg")) {
		t.Error("what was sent is not the file")
	}
}

func fileIsDropped(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	picture := &input.DragData{Files: []string{absolute(t, "samples/church.jpg")}, DragOperationsMask: 1}
	drag := func(kind input.DispatchDragEventType) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: 5, Y: 5, Data: picture})
			return err
		})
	}
	const lit = `document.body.classList.contains("dragging")`
	tab.Do(drag(input.DispatchDragEventTypeDragEnter), drag(input.DispatchDragEventTypeDragOver))
	tab.Await(lit)
	// The browser tells a page that is driven nothing of a drag that leaves.
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("h1").dispatchEvent(new DragEvent("dragleave", { bubbles: true, relatedTarget: document.body }))`))
	tab.Await(lit)
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.body.dispatchEvent(new DragEvent("dragleave", { bubbles: true }))`))
	tab.Await("!" + lit)
	tab.Do(drag(input.DispatchDragEventTypeDragEnter), drag(input.DispatchDragEventTypeDragOver), drag(input.DispatchDragEventTypeDrop))
	tab.Await(shown)
	if browser.Value[bool](tab, lit) || !bytes.Equal(s.fleet.sent()[0], file(t, "samples/church.jpg")) {
		t.Error("the page still waits for the drop, or what was sent is not the file")
	}
}

func pictureIsPasted(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	tab.Do(chromedp.Evaluate[chromedp.Void](`(async () => {
		const picture = await (await fetch("page/samples/st-peter.jpg")).blob();
		const clipboardData = new DataTransfer();
		document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true })); // of text: not ours
		clipboardData.items.add(new File([picture], "image.jpg", { type: picture.type }));
		document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
	})()`, chromedp.EvalAwaitPromise))
	tab.Await(shown)
	if sent := s.fleet.sent(); len(sent) != 1 || !bytes.Equal(sent[0], file(t, "samples/st-peter.jpg")) {
		t.Errorf("%d were sent, want the picture that was pasted", len(sent))
	}
}

func noFileIsDropped(t *testing.T, b *browser.Browser) {
	tab := b.Open(t, start(t, anywhere, with("a", 1)).url)
	tab.Do(chromedp.Evaluate[chromedp.Void](`(() => {
		const dataTransfer = new DataTransfer();
		dataTransfer.setData("text/plain", "a word");
		document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
	})()`))
	tab.Await(refused)
	wantWords(t, tab.Text("#problem"), "That was no file", "save it first")
}

// largePictureIsScaled sends a camera's picture that was taken with the camera on its side: red above blue, when seen upright.
func largePictureIsScaled(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	stored := image.NewRGBA(image.Rect(0, 0, 3000, 2000))
	draw.Draw(stored, image.Rect(0, 0, 1500, 2000), image.NewUniform(color.RGBA{R: 255, A: 255}), image.Point{}, draw.Src)
	draw.Draw(stored, image.Rect(1500, 0, 3000, 2000), image.NewUniform(color.RGBA{B: 255, A: 255}), image.Point{}, draw.Src)
	path := filepath.Join(t.TempDir(), "camera.jpg")
	if err := os.WriteFile(path, turned(t, stored, 6), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
	tab.Await(shown)
	sent, err := jpeg.Decode(bytes.NewReader(s.fleet.sent()[0]))
	if err != nil {
		t.Fatal(err)
	}
	size := sent.Bounds().Size()
	if size != image.Pt(1633, 2449) {
		t.Errorf("%v was sent, want 1633×2449: four million pixels, upright", size)
	}
	above, _, _, _ := sent.At(800, 300).RGBA()
	_, _, below, _ := sent.At(800, 2100).RGBA()
	if above < 0xf000 || below < 0xf000 {
		t.Errorf("above it is %v, below %v; want red above blue", sent.At(800, 300), sent.At(800, 2100))
	}
	wantWords(t, tab.Text("#by"), "Scaled from 2000×3000 to 1633×2449 before it was sent.")
}

// turned is a JPEG with an EXIF orientation.
func turned(t *testing.T, picture image.Image, orientation uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	tiff = append(binary.LittleEndian.AppendUint16(tiff, orientation), 0, 0, 0, 0, 0, 0)
	exif := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return append(append([]byte{0xff, 0xd8}, append(segment, exif...)...), b.Bytes()[2:]...)
}

func unknownPictureIsSent(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	tiff := filepath.Join(testkit.Root(t), "images", "coffee.tiff")
	tab.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{tiff}))
	tab.Await(shown)
	if !bytes.Equal(s.fleet.sent()[0], file(t, tiff)) {
		t.Error("what was sent is not the file")
	}
	tab.Await(`document.querySelector("#preview").hidden`)
	wantWords(t, tab.Text("#drop"), "This browser cannot show this kind of picture")
	tab.Do(chromedp.Click(sampleButton))
	tab.Await(`!document.querySelector("#preview").hidden && document.querySelector("#unseen").hidden`)
}

func newestPictureWins(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 2))
	tab := b.Open(t, s.url)
	release := s.fleet.hold()
	defer release()
	tab.Do(chromedp.Click(sampleButton))
	testkit.Eventually(t, "the first is at the replica", func() bool { return len(s.fleet.sent()) == 1 })
	wantWords(t, tab.Text("#state"), "Waiting for the answer…")
	s.fleet.answers(func(*http.Request, []byte) (int, any) {
		answer := church
		answer.Predictions = []api.Prediction{{Label: "parachute", Probability: 0.5}}
		return http.StatusOK, answer
	})
	tab.Do(chromedp.Click(chromedp.CSS("[data-sample='parachute.jpg']")))
	tab.Await(shown)
	release()
	testkit.Eventually(t, "nothing is in flight", func() bool {
		return browser.Value[int](tab, `fetch("status").then((r) => r.json()).then((s) => s.replicas[0].in_flight)`) == 0
	})
	wantWords(t, tab.Text("#labels"), "parachute")
	if strings.Contains(tab.Text("#labels"), "church") || browser.Value[bool](tab, refused) {
		t.Errorf("the picture that was given up speaks: %s", tab.Text("#classify"))
	}
}

func errorsAreTold(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	refuse := func(p *api.Problem) {
		s.fleet.answers(func(*http.Request, []byte) (int, any) { return p.Status, p })
		tab.Do(chromedp.Click(sampleButton))
		tab.Await(fmt.Sprintf("%s && document.querySelector('#problem h2').textContent === %q", refused, p.Title))
		wantWords(t, tab.Text("#problem"), p.Title, p.Detail, "Try again")
	}
	refuse(api.NewProblem(http.StatusUnprocessableEntity, "too-many-pixels", "the picture has 90000000 pixels <b>"))
	if after := tab.Text("#after"); after != "" {
		t.Errorf("when to try again was not said, the page says %q", after)
	}
	busy := api.NewProblem(http.StatusTooManyRequests, "too-many-requests", "this key may send 5 a second")
	busy.RetryAfter = 2 * time.Second
	refuse(busy)
	tab.Await(`document.querySelector("#after").textContent === "now"`) // it counts down

	s.fleet.answers(func(*http.Request, []byte) (int, any) { return http.StatusTeapot, "short and stout" })
	tab.Do(chromedp.Click(chromedp.CSS("#again")))
	tab.Await(`document.querySelector("#problem h2").textContent.startsWith("The answer was 418")`)
	s.fleet.answers(func(*http.Request, []byte) (int, any) { return http.StatusOK, "no predictions" })
	tab.Do(chromedp.Click(chromedp.CSS("#again")))
	tab.Await(`document.querySelector("#problem h2").textContent === "The answer cannot be read"`)
	s.fleet.answers(func(*http.Request, []byte) (int, any) { return http.StatusOK, church })
	tab.Do(chromedp.Click(chromedp.CSS("#again")))
	tab.Await(shown)
	if browser.Value[bool](tab, refused) {
		t.Error("the error is still shown beside the result")
	}
}

func unreachableIsTold(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	tab := b.Open(t, s.url)
	chosen := chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{absolute(t, "samples/church.jpg")})
	online := func(is bool) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !is})
			return err
		})
	}
	s.stop()
	tab.Do(chosen)
	tab.Await(refused)
	wantWords(t, tab.Text("#problem"), "The service cannot be reached")
	tab.Do(online(false), chosen)
	tab.Await(`document.querySelector("#problem h2").textContent === "You are offline"`)
	tab.Do(online(true))
	start(t, strings.TrimPrefix(s.url, "http://"), with("a", 1))
	tab.Do(chromedp.Click(chromedp.CSS("#again")))
	tab.Await(shown)
}

// keyIsAskedFor puts a guard before the dispatcher, as --api-keys-file does.
func keyIsAskedFor(t *testing.T, b *browser.Browser) {
	s := start(t, anywhere, with("a", 1))
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	guard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/page/")
		if !open && r.Header.Get("Authorization") != "Bearer right-key" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			api.NewProblem(http.StatusUnauthorized, "no-key", "send an API key").Write(w, "")
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	tab := b.Open(t, guard.URL)
	t.Cleanup(guard.Close)
	t.Cleanup(func() { tab.Do(chromedp.Navigate("about:blank")) }) // its stream would hold the guard up

	const asked = `document.querySelector("#ask").open`
	tab.Await(asked)
	tab.Do(chromedp.KeyEvent(kb.Escape))
	tab.Await("!" + asked + ` && document.querySelector("#link").textContent === "locked"`)
	tab.Do(chromedp.Click(chromedp.CSS("#unlock")))
	tab.Await(asked)
	tab.Do(chromedp.KeyEvent("wrong-key"), chromedp.KeyEvent(kb.Enter))
	tab.Await(asked + ` && document.querySelector("#ask-why").textContent.includes("not accepted")`)
	tab.Do(chromedp.KeyEvent("right-key"), chromedp.KeyEvent(kb.Enter))
	tab.Await(`document.querySelector("#link").textContent === "live"`)
	tab.Do(chromedp.Click(sampleButton))
	tab.Await(shown)
	if kept := browser.Value[string](tab, `JSON.stringify([Object.values(sessionStorage), Object.keys(localStorage), document.cookie])`); kept != `[["right-key"],[],""]` {
		t.Errorf("the browser keeps %s", kept)
	}
	tab.Do(chromedp.Reload())
	tab.Await(`document.querySelector("#link").textContent === "live"`)
}

func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not said in %q", word, text)
		}
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
