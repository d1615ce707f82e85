// Package page is the dispatcher's web page: a picture in, its labels out, and what the dispatcher does meanwhile. It is plain HTML, CSS
// and JavaScript modules, embedded as they are: nothing builds them, and a browser loads nothing from elsewhere.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

//go:embed index.html *.css *.js *.svg samples
var assets embed.FS

// policy lets the page load and ask its own server only, and run no script and no style but its files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// types are told here: a system's own table of them may be wrong, and the browser must not guess.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".jpg": "image/jpeg",
}

// Routes adds the page at "/", and what it loads under "/page/".
func Routes(r chi.Router) {
	err := fs.WalkDir(assets, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		at := "/page/" + name
		if name == "index.html" {
			at = "/"
		}
		serve := newAsset(name, content).ServeHTTP
		r.Get(at, serve)
		r.Head(at, serve)
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
}

// asset is one file of the page.
type asset struct {
	name, kind, tag string
	content         []byte
}

func newAsset(name string, content []byte) asset {
	kind, known := types[path.Ext(name)]
	if !known {
		kind = "text/plain; charset=utf-8" // the samples' licences
	}
	return asset{name: name, kind: kind, tag: fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(content))[:16]), content: content}
}

// ServeHTTP answers with the file. A browser asks each time whether it has the right one, so that after an update all of them fit each
// other; the samples may be kept for a day.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(a.name, "samples/") {
		h.Set("Cache-Control", "max-age=86400")
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}
