package httpserve_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"

	"github.com/go-chi/chi/v5"
)

func TestRequestIDs(t *testing.T) {
	r := run(t, func(o *httpserve.Options) {
		o.Routes = func(c chi.Router) {
			c.Get("/id", func(w http.ResponseWriter, req *http.Request) { io.WriteString(w, httpserve.RequestID(req)) })
		}
	})
	ask := func(sent ...string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/id", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header[api.HeaderRequestID] = sent
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		seen, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if told := resp.Header.Get(api.HeaderRequestID); told != string(seen) || told == "" {
			t.Errorf("the handler saw %q and the caller %q", seen, told)
		}
		return string(seen)
	}
	longest := strings.Repeat("x", 128)
	for _, id := range []string{"9f0c2d0e-7c1b-4c6e-9a55-0d2f4d1a2b3c", "Root=1-67891233-abcdef012345678912345678", "a/b+c=:d_e.f@g", longest} {
		if got := ask(id); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	given := map[string]bool{}
	for _, id := range []string{"", longest + "x", "two words", `quo"te`, "semi;colon", "caf\xc3\xa9", "tab\there"} {
		got := ask(id)
		if got == id || given[got] {
			t.Errorf("%q became %q, want an id of the server's own", id, got)
		}
		given[got] = true
	}
	if got := ask("first", "second"); got != "first" {
		t.Errorf("of two ids %q was taken", got)
	}
}
