package dispatcher_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit"
)

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

// ask sends a request with headers, given as names and values in turn.
func ask(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// detail is what an error answer says, in whichever of the two shapes.
func (a answer) detail(t *testing.T) (kind, detail string) {
	t.Helper()
	var said struct {
		api.Problem
		Error string
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil {
		t.Fatalf("%s %s: %v", a.Status, a.body, err)
	}
	if strings.HasPrefix(a.Request.URL.Path, api.PathV2) != (said.Error != "") {
		t.Errorf("%s is not in the shape of its path: %s", a.Request.URL.Path, a.body)
	}
	return said.Kind(), said.Detail + said.Error
}

// metric is the value of a series of a dispatcher.
func metric(t *testing.T, url, series string) float64 {
	t.Helper()
	for line := range strings.Lines(ask(t, "GET", url+api.PathMetrics, "").body) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s", series)
	return 0
}

// keysFile writes a file of API keys and returns its name.
func keysFile(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys")
	write(t, name, lines...)
	return name
}

func write(t *testing.T, name string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, file string) *dispatcher.Keys {
	t.Helper()
	k, err := dispatcher.ReadKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// headers answers with what a replica got, a line a header.
func headers(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		for _, v := range values {
			fmt.Fprintf(w, "%s: %s\n", name, v)
		}
	}
}

const infer = "/v2/models/resnet18/infer"

func TestKeysGuardWhatIsNotOpen(t *testing.T) {
	var logs testkit.Buffer
	k := keys(t, keysFile(t, keyLine("alice", "s3cret-of-alice", "")))
	url := "http://" + run(t, func(o *dispatcher.Options) {
		o.Keys, o.LogSample, o.Log = k, 1, slog.New(slog.NewTextHandler(&logs, nil))
	}, replica(t, headers)).Addr().String()

	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
		if a := ask(t, "GET", url+path, ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s is not open: %s", path, a.Status)
		}
	}
	for _, to := range []string{"POST /predict", "GET /status", "GET /v2", "GET /v2/health/ready", "GET /v2/models/resnet18", "POST " + infer} {
		method, path, _ := strings.Cut(to, " ")
		for _, c := range []struct{ authorization, kind, says, challenge string }{
			{"", "missing-key", "needs an API key", "Bearer"},
			{"Basic czNjcmV0", "not-a-bearer", "not of the form", "Bearer"},
			{"Bearer", "not-a-bearer", "not of the form", "Bearer"},
			{"s3cret-of-alice", "not-a-bearer", "not of the form", "Bearer"},
			{"Bearer s3cret-of-nobody", "unknown-key", "none that is known", `Bearer error="invalid_token"`},
			{"Bearer alice", "unknown-key", "none that is known", `Bearer error="invalid_token"`},
		} {
			var h []string
			if c.authorization != "" {
				h = []string{"Authorization", c.authorization}
			}
			a := ask(t, method, url+path, "picture", h...)
			kind, detail := a.detail(t)
			if a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != c.challenge || !strings.Contains(detail, c.says) {
				t.Errorf("%s with %q: %s, %q, %s", to, c.authorization, a.Status, a.Header.Get("WWW-Authenticate"), a.body)
			}
			if !strings.HasPrefix(path, api.PathV2) && kind != c.kind {
				t.Errorf("%s with %q is a problem of kind %q, want %q", to, c.authorization, kind, c.kind)
			}
			if strings.Contains(a.body, "s3cret") {
				t.Errorf("the key comes back: %s", a.body)
			}
		}
	}
	if a := ask(t, "POST", url+"/predict", "picture", "Authorization", "Bearer s3cret-of-alice", "Authorization", "Bearer x"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("two keys: %s", a.Status)
	}
	a := ask(t, "POST", url+"/predict", "picture", "Authorization", "bearer  s3cret-of-alice")
	if a.StatusCode != http.StatusOK || strings.Contains(a.body, "Authorization") {
		t.Errorf("with the key: %s, and the replica got\n%s", a.Status, a.body)
	}
	if n := metric(t, url, `dispatcher_arrivals_total`); n != 1 {
		t.Errorf("%v arrivals, want 1: who is not let in has not arrived", n)
	}
	for reason, want := range map[string]float64{"missing": 6, "malformed": 19, "unknown": 12} {
		if n := metric(t, url, `dispatcher_unauthorized_total{reason="`+reason+`"}`); n != want {
			t.Errorf("%v refused as %s, want %v", n, reason, want)
		}
	}
	testkit.Eventually(t, "the one who was let in is logged", func() bool { return strings.Contains(logs.String(), "client=key:alice") })
	if said := logs.String(); strings.Contains(said, "s3cret") {
		t.Errorf("a key is in the log:\n%s", said)
	}
}

func TestWithoutKeysAuthorizationIsTheReplicas(t *testing.T) {
	url := dispatch(t, unchanged, replica(t, headers))
	if a := ask(t, "POST", url+"/predict", "picture", "Authorization", "Bearer for-the-replica"); !strings.Contains(a.body, "Authorization: Bearer for-the-replica") {
		t.Errorf("%s, and the replica got\n%s", a.Status, a.body)
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	file := keysFile(t, keyLine("alice", "old", ""))
	k := keys(t, file)
	var logs testkit.Buffer
	url := "http://" + run(t, func(o *dispatcher.Options) { o.Keys, o.Log = k, slog.New(slog.NewTextHandler(&logs, nil)) }).Addr().String()
	lets := func(key string) bool {
		return ask(t, "GET", url+"/status", "", "Authorization", "Bearer "+key).StatusCode == http.StatusOK
	}
	if !lets("old") || lets("new") {
		t.Fatal("the file does not hold")
	}
	write(t, file, keyLine("alice", "new", ""))
	testkit.Eventually(t, "the new key lets in", func() bool { return lets("new") })
	if lets("old") {
		t.Error("the old key still lets in")
	}
	write(t, file, keyLine("alice", "new", ""), "bob:s3cret\n")
	testkit.Eventually(t, "the bad file is logged", func() bool { return strings.Contains(logs.String(), "line 2") })
	if !lets("new") {
		t.Error("a bad file shut the key out that was in the good one")
	}
	if strings.Contains(logs.String(), "s3cret") {
		t.Errorf("the key is in the log: %s", logs.String())
	}
}

// A token a hundred seconds: none comes back while a test runs.
const rare = 0.01

func TestRateLimit(t *testing.T) {
	url := "http://" + run(t, func(o *dispatcher.Options) { o.RateLimit = rare }, replica(t, echo)).Addr().String()
	if a := ask(t, "GET", url+"/status", ""); a.StatusCode != http.StatusOK {
		t.Fatalf("the first request of all: %s", a.Status)
	}
	for _, path := range []string{"/predict", infer} {
		a := ask(t, "POST", url+path, strings.Repeat("x", 1<<20), "X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.7")
		_, detail := a.detail(t)
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if a.StatusCode != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 100 || !strings.Contains(detail, "more than the 0.01 requests a second") {
			t.Errorf("%s: %s, Retry-After %q, %s", path, a.Status, a.Header.Get("Retry-After"), a.body)
		}
		if a.Close {
			t.Errorf("%s: the connection ended with the refusal", path)
		}
	}
	if n := metric(t, url, `dispatcher_shed_total{reason="rate_limit"}`); n != 2 {
		t.Errorf("%v shed, want 2", n)
	}
	if n := metric(t, url, `dispatcher_arrivals_total`); n != 0 {
		t.Errorf("%v arrivals, want 0: no replica more would help who sends too much", n)
	}
}

func TestRatesOfKeys(t *testing.T) {
	k := keys(t, keysFile(t, keyLine("alice", "of-alice", ""), keyLine("alice", "of-alice-too", ""),
		keyLine("bob", "of-bob", ":3"), keyLine("carol", "of-carol", ":0"), keyLine("dave", "of-dave", fmt.Sprint(":", rare))))
	url := "http://" + run(t, func(o *dispatcher.Options) { o.RateLimit, o.Keys = 2*rare, k }).Addr().String()
	allowed := func(times int, key string) (n int) {
		t.Helper()
		for range times {
			if a := ask(t, "GET", url+"/status", "", "Authorization", "Bearer "+key); a.StatusCode == http.StatusOK {
				n++
			} else if _, detail := a.detail(t); key == "of-dave" && !strings.Contains(detail, "the 0.01 requests") {
				t.Errorf("dave's limit: %s", detail)
			}
		}
		return n
	}
	if n := allowed(1, "of-alice") + allowed(3, "of-alice-too"); n != 1 {
		t.Errorf("alice's two keys were let in %d times, want once: they are one client", n)
	}
	if n := allowed(4, "of-dave"); n != 1 {
		t.Errorf("dave was let in %d times, want once", n)
	}
	if n := allowed(3, "of-bob"); n != 3 {
		t.Errorf("bob was let in %d times, want all 3", n)
	}
	if n := allowed(50, "of-carol"); n != 50 {
		t.Errorf("carol was let in %d times, want all 50", n)
	}
	// Trying keys out is limited by address.
	var codes []int
	for i := range 3 {
		codes = append(codes, ask(t, "GET", url+"/status", "", "Authorization", fmt.Sprint("Bearer ", i)).StatusCode)
	}
	if fmt.Sprint(codes) != "[401 429 429]" {
		t.Errorf("keys that are tried out get %v, want one 401 and then 429", codes)
	}
}

// What is meant for one hop goes no further, and a caller cannot use that to take away or to add what the dispatcher says of a request.
func TestHeadersOnTheWayToAReplica(t *testing.T) {
	url := dispatch(t, unchanged, replica(t, headers))
	const trace, baggage = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "userId=alice,serverNode=DF%2028"
	a := ask(t, "POST", url+"/predict", "picture",
		"Connection", "X-Request-Timeout-Ms, X-Request-Id, X-Forwarded-For, X-Secret, Upgrade",
		"X-Secret", "for one hop", "X-Request-Id", "seven", "X-Request-Timeout-Ms", "5000", "Keep-Alive", "timeout=5", "Proxy-Authorization", "Basic x", "Te", "gzip",
		"Upgrade", "h2c", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Forwarded", "for=203.0.113.7",
		"Traceparent", trace, "Tracestate", "vendor=1", "Baggage", baggage)
	if id := a.Header.Get("X-Request-Id"); id != "seven" {
		t.Errorf("the caller got the request id %q", id)
	}
	got := map[string]string{}
	for line := range strings.Lines(a.body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		got[name] = value
	}
	for name, want := range map[string]string{
		"Traceparent": trace, "Tracestate": "vendor=1", "Baggage": baggage, "X-Request-Id": "seven",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": strings.TrimPrefix(url, "http://"), "X-Forwarded-Proto": "http",
		"X-Secret": "", "Keep-Alive": "", "Proxy-Authorization": "", "Te": "", "Upgrade": "", "Connection": "", "Forwarded": "",
	} {
		if got[name] != want {
			t.Errorf("the replica got %s %q, want %q", name, got[name], want)
		}
	}
	if ms, err := strconv.Atoi(got["X-Request-Timeout-Ms"]); err != nil || ms < 1 || ms > 5000 {
		t.Errorf("the replica got %q ms of the caller's 5000", got["X-Request-Timeout-Ms"])
	}
	if id := ask(t, "POST", url+"/predict", "picture", "X-Request-Id", "two words").Header.Get("X-Request-Id"); id == "" || id == "two words" {
		t.Errorf("an id that is none became %q", id)
	}
}
