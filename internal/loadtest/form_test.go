package loadtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/oip"
)

// seen is what arrived at a server.
type seen struct {
	mu    sync.Mutex
	lines []string
}

func (s *seen) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func TestMultipart(t *testing.T) {
	var got seen
	o := against(t, "constant:20/100ms", func(_ http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("file")
		if err != nil {
			got.add("%v", err)
			return
		}
		data, err := io.ReadAll(file)
		got.add("%s %s %s %v %s", head.Filename, head.Header.Get("Content-Type"), data, err, r.Header.Get("X-Who"))
	})
	o.Form, o.Header = loadtest.Multipart(), http.Header{"X-Who": {"me"}}
	r := run(t, t.Context(), o)
	if text := strings.Join(got.lines, "|"); len(got.lines) != 2 || !strings.Contains(text, "a image/png aaa <nil> me") || !strings.Contains(text, "b image/gif bb <nil> me") {
		t.Errorf("%q", got.lines)
	}
	if r.BytesSent < 200 {
		t.Errorf("%d bytes were sent: the form's are missing", r.BytesSent)
	}
}

// The protocol's own reader takes what is sent, and finds the picture in it.
func TestV2IsWhatTheProtocolAsks(t *testing.T) {
	model := oip.Model{Name: "resnet18", Version: "1", Input: "input", Side: 224, Output: "logits", Labels: []string{"a", "b"}, MaxBatch: 4}
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		parsed, err := model.Parse(r.Header.Values(oip.HeaderLength), body)
		if err != nil {
			got.add("%s: %v", r.URL.Path, err)
			return
		}
		got.add("%s %d %s", r.URL.Path, len(parsed.Pictures), parsed.Pictures[0].Encoded)
	}))
	defer server.Close()
	o := against(t, "constant:10/100ms", http.NotFound)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	o.Where.Said, o.Form = at, loadtest.V2("resnet18")
	if r := run(t, t.Context(), o); r.OK != 1 || r.URL != server.URL+"/v2/models/resnet18/infer" {
		t.Errorf("%d answers from %s", r.OK, r.URL)
	}
	if len(got.lines) != 1 || got.lines[0] != "/v2/models/resnet18/infer 1 aaa" {
		t.Errorf("%q", got.lines)
	}
}

func TestConnections(t *testing.T) {
	for name, c := range map[string]struct {
		how   loadtest.Connections
		proto string
		most  int64
		least int64
		took  time.Duration // an answer
	}{
		// Answers that take so long would need three and more.
		"kept":   {loadtest.Connections{Most: 2}, "HTTP/1.1", 2, 1, 40 * time.Millisecond},
		"fresh":  {loadtest.Connections{Fresh: true}, "HTTP/1.1", 20, 20, 0},
		"http/2": {loadtest.Connections{HTTP2: true}, "HTTP/2.0", 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var got seen
			addresses := map[string]bool{}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					return
				}
				time.Sleep(c.took)
				got.add("%s", r.Proto)
				got.mu.Lock()
				addresses[r.RemoteAddr] = true
				got.mu.Unlock()
			}))
			server.Config.Protocols = new(http.Protocols)
			server.Config.Protocols.SetHTTP1(true)
			server.Config.Protocols.SetUnencryptedHTTP2(true)
			server.Start()
			defer server.Close()
			client := c.how.Client(100)
			defer client.CloseIdleConnections()
			o := against(t, "constant:100/200ms", http.NotFound)
			at, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			o.Where = loadtest.Where{Said: at, Client: client}
			r := run(t, t.Context(), o)
			if n := int64(len(addresses)); r.OK != 20 || n < c.least || n > c.most || got.lines[0] != c.proto {
				t.Errorf("%d answers over %d connections by %s, %v", r.OK, n, got.lines[0], r.Errors)
			}
		})
	}
}
