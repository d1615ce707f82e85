package page_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"resnet-autoscaling/internal/dispatcher/page"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"
)

func serveAssets(t *testing.T) string {
	t.Helper()
	routes := chi.NewRouter()
	page.Routes(routes)
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	return server.URL
}

func fetch(t *testing.T, method, url, tag string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", tag)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// files are the page's assets and where each is served.
func files(t *testing.T) map[string]string {
	t.Helper()
	at := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(name, ".go") {
			at[name] = "/page/" + name
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	at["index.html"] = "/"
	return at
}

func TestEveryFileIsServedWithItsHeaders(t *testing.T) {
	base := serveAssets(t)
	kinds := map[string]string{
		"index.html": "text/html; charset=utf-8", "page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8",
		"icon.svg": "image/svg+xml", "samples/church.jpg": "image/jpeg", "samples/LICENSE.GPL-2": "text/plain; charset=utf-8",
	}
	for name, at := range files(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		resp, body := fetch(t, http.MethodGet, base+at, "")
		if resp.StatusCode != http.StatusOK || body != string(content) {
			t.Errorf("%s: %s, %d bytes; want the file's %d", at, resp.Status, len(body), len(content))
		}
		if kind, ok := kinds[name]; ok && resp.Header.Get("Content-Type") != kind {
			t.Errorf("%s is %s, want %s", at, resp.Header.Get("Content-Type"), kind)
		}
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", at, header, got, want)
			}
		}
		checkPolicy(t, at, resp.Header.Get("Content-Security-Policy"))
		head, nothing := fetch(t, http.MethodHead, base+at, "")
		if head.StatusCode != http.StatusOK || nothing != "" || head.ContentLength != int64(len(content)) || head.Header.Get("ETag") != resp.Header.Get("ETag") {
			t.Errorf("HEAD %s: %s, length %d, %q; want what GET says and no body", at, head.Status, head.ContentLength, nothing)
		}
		if again, body := fetch(t, http.MethodGet, base+at, resp.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s again: %s, want 304", at, again.Status)
		}
		if other, _ := fetch(t, http.MethodGet, base+at, `"another"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s to who has another version: %s", at, other.Status)
		}
		want := "no-cache"
		if strings.HasPrefix(name, "samples/") {
			want = "max-age=86400"
		}
		if got := resp.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control is %q, want %q", at, got, want)
		}
	}
}

// checkPolicy wants nothing to be allowed but what is listed here.
func checkPolicy(t *testing.T, at, policy string) {
	t.Helper()
	allowed := map[string]string{
		"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' blob:", "connect-src": "'self'",
		"base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'",
	}
	for directive := range strings.SplitSeq(policy, ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		if allowed[name] != sources {
			t.Errorf("%s: the policy says %q, want %q", at, directive, allowed[name])
		}
		delete(allowed, name)
	}
	if len(allowed) != 0 {
		t.Errorf("%s: the policy lacks %v", at, allowed)
	}
}

func TestWhatIsNoPartOfThePageIsNotServed(t *testing.T) {
	base := serveAssets(t)
	for _, at := range []string{"/index.html", "/page/", "/page/index.html", "/page/page.go", "/page/samples/", "/page/../page.css"} {
		if resp, _ := fetch(t, http.MethodGet, base+at, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", at, resp.Status)
		}
	}
}

// Nothing inline, nothing from elsewhere, no address that depends on where the page is mounted, and nothing that is not there.
func TestThePageNeedsOnlyItsOwnFiles(t *testing.T) {
	served := map[string]bool{}
	for name, at := range files(t) {
		served[strings.TrimPrefix(at, "/")] = true
		if strings.HasSuffix(name, ".js") {
			checkImports(t, name)
		}
	}
	file, err := os.Open("index.html")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	root, err := html.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			t.Errorf("<%s> has its code inline", n.Data)
		}
		for _, a := range n.Attr {
			elsewhere := n.Data == "a" && strings.HasPrefix(a.Val, "https://") // a link is followed by a person
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s %s=%q> is code inline", n.Data, a.Key, a.Val)
			case (a.Key == "src" || a.Key == "href") && !served[a.Val] && !elsewhere:
				t.Errorf("<%s %s=%q> is no file of the page", n.Data, a.Key, a.Val)
			}
		}
	}
}

var imports = regexp.MustCompile(`(?m)^import .* from "(.*)";$`)

func checkImports(t *testing.T, name string) {
	t.Helper()
	code, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range imports.FindAllStringSubmatch(string(code), -1) {
		if _, err := os.Stat(match[1]); err != nil {
			t.Errorf("%s imports %s: %v", name, match[1], err)
		}
	}
}

func TestEverySampleIsAttributed(t *testing.T) {
	read := func(name string) string {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	readme, index := read("samples/README.md"), read("index.html")
	authors := map[string]string{"church.jpg": "jlascar", "st-peter.jpg": "Jean-Pol Grandmont", "garbage-truck.jpg": "Caroline Ford", "parachute.jpg": "Albert Cahalan"}
	samples, err := fs.Glob(os.DirFS("samples"), "*.jpg")
	if err != nil || len(samples) != len(authors) {
		t.Fatalf("samples %v, %v", samples, err)
	}
	for _, sample := range samples {
		author := authors[sample]
		if author == "" || !strings.Contains(index, author) || !regexp.MustCompile("`"+sample+"`.*"+author).MatchString(readme) {
			t.Errorf("%s: its author %q is not named on the page and in the README", sample, author)
		}
	}
	if read("samples/LICENSE.GPL-2") != read("../../../images/LICENSE.GPL-2") {
		t.Error("the licence that the page serves is not that of images/")
	}
}
