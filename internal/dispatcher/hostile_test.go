package dispatcher_test

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit/hostile"
)

func TestHostileRequests(t *testing.T) {
	hostile.Try(t, strings.TrimPrefix(dispatch(t, unchanged, replica(t, echo)), "http://"))
}

const ofReplica = "this is what a replica said"

// witness is a replica that notes what it is asked.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf("%s %s %q length %d encoding %v injected %q trailer %v err %v",
		r.Method, r.RequestURI, body, r.ContentLength, r.TransferEncoding, r.Header.Get("X-Injected"), r.Trailer, err))
	fmt.Fprint(answer, ofReplica)
}

func (w *witness) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// However a request is framed on its way in, the dispatcher frames it anew on its way out: a replica sees as many requests as were
// answered, each whole, and none that hid in another one's body or path. What comes behind a request in chunks is not answered.
func TestNothingIsSmuggledToAReplica(t *testing.T) {
	const head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
	const hidden = "GET /hidden HTTP/1.1\r\nX-Injected: yes\r\n\r\n"
	const clean = ` length 5 encoding [] injected "" trailer map[] err <nil>`
	const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for name, c := range map[string]struct{ text, answers, seen string }{
		"chunks and a length": {head + "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + last, "200", `POST /predict "hello"` + clean},
		"a request as a body": {
			head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(hidden), hidden) + last, "200 200",
			fmt.Sprintf(`POST /predict %q length %d encoding [] injected "" trailer map[] err <nil>`, hidden, len(hidden)),
		},
		"a length twice":          {head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + last, "200 200", `POST /predict "hello"` + clean},
		"headers behind the body": {head + "Transfer-Encoding: chunked\r\nTrailer: X-Injected\r\n\r\n5\r\nhello\r\n0\r\nX-Injected: yes\r\n\r\n" + last, "200", `POST /predict "hello"` + clean},
		"a folded encoding":       {head + "Transfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + last, "200", `POST /predict "hello"` + clean},
		"another server's URL": {
			strings.Replace(head, "/predict", "http://evil.test/predict", 1) + "Content-Length: 5\r\n\r\nhello" + last, "200 200", `POST /predict "hello"` + clean,
		},
		"line ends in a query": {strings.Replace(head, "/predict", "/predict?top_k=1%0d%0aX-Injected:%20yes", 1) + "Content-Length: 5\r\n\r\nhello" + last, "200 200", `POST /predict?top_k=1%0d%0aX-Injected:%20yes "hello"` + clean},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{}
			url := dispatch(t, unchanged, stub(t, w.ServeHTTP))
			answers, _ := hostile.Send(t, strings.TrimPrefix(url, "http://"), c.text)
			if answers != c.answers {
				t.Errorf("answered %q, want %q", answers, c.answers)
			}
			if got := strings.Join(w.told(), "\n"); got != c.seen {
				t.Errorf("the replica saw\n%s\nwant\n%s", got, c.seen)
			}
		})
	}
}

// What a key guards is guarded however its path is written, and no path leads to what a replica does not offer to callers.
func TestNoPathLeadsAroundTheGuard(t *testing.T) {
	w := &witness{}
	url := dispatch(t, unchanged, stub(t, w.ServeHTTP))
	guarded := "http://" + run(t, func(o *dispatcher.Options) { o.Keys = keys(t, keysFile(t, keyLine("alice", "of-alice", ""))) }, stub(t, w.ServeHTTP)).Addr().String()
	for _, written := range []string{
		"/status", "//status", "/./status", "/healthz/../status", "/page/../status", "/v2/../status", "/%73tatus", "/status/", "/STATUS", "/healthz/%2e%2e/status", "/healthz;/status",
		"/v2", "/v2/", "//v2/models/x", "/healthz/../v2/models/x", "/v2/../metrics", "/v2/%2e%2e/metrics", "/v2/models/%2e%2e/%2e%2e/metrics", "/v2/models/..%2f..%2fmetrics", "/v2/..;/metrics", `/v2/..\metrics`,
	} {
		const rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		answers, text := hostile.Send(t, strings.TrimPrefix(guarded, "http://"), "GET "+written+rest)
		if strings.Contains(text, `"replicas"`) || strings.Contains(text, ofReplica) {
			t.Errorf("%s needs no key: %s", written, answers)
		}
		before := len(w.told())
		hostile.Send(t, strings.TrimPrefix(url, "http://"), "GET "+written+rest)
		for _, seen := range w.told()[before:] {
			if asked := strings.Fields(seen)[1]; !strings.HasPrefix(path.Clean(asked), "/v2") {
				t.Errorf("%s lets a replica be asked for %s", written, asked)
			}
		}
	}
}
