package prom_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/prom"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/testkit"
)

func client(t *testing.T, address string) *prom.Client {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return prom.New(base, &http.Client{}, 2*time.Second)
}

// answering plays a Prometheus that always answers the same.
func answering(t *testing.T, status int, body string) *prom.Client {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return client(t, s.URL)
}

func vector(series ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

func TestFourDifferentThings(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
		word   string
	}{
		"empty":             {200, vector(), scaling.ErrNoData, "up"},
		"an error":          {503, `{"status":"error","errorType":"unavailable","error":"shutting down"}`, scaling.ErrFailed, "shutting down"},
		"not Prometheus":    {200, `<html>`, scaling.ErrFailed, "up"},
		"forbidden":         {403, `{"kind":"Status","message":"services/proxy is forbidden"}`, scaling.ErrFailed, "services/proxy is forbidden"},
		"not a number":      {200, vector(`{"metric":{"pod":"a"},"value":[1,"NaN"]}`), scaling.ErrInvalid, "pod a has NaN"},
		"negative":          {200, vector(`{"metric":{"pod":"a"},"value":[1,"-2"]}`), scaling.ErrInvalid, "-2"},
		"infinite":          {200, vector(`{"metric":{"pod":"a"},"value":[1,"+Inf"]}`), scaling.ErrInvalid, "+Inf"},
		"a pod twice":       {200, vector(`{"metric":{"pod":"a","x":"1"},"value":[1,"1"]}`, `{"metric":{"pod":"a","x":"2"},"value":[1,"1"]}`), scaling.ErrInvalid, "two series for pod a"},
		"a nameless series": {200, vector(`{"metric":{},"value":[1,"1"]}`), scaling.ErrInvalid, "no label pod"},
		"no pair":           {200, vector(`{"metric":{"pod":"a"},"value":[1]}`), scaling.ErrFailed, "1 elements"},
		"no number":         {200, vector(`{"metric":{"pod":"a"},"value":[1,"x"]}`), scaling.ErrFailed, "parsing"},
		"a scalar":          {200, `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`, scaling.ErrInvalid, "scalar"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, c.status, c.body).ByPod(t.Context(), "up")
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%v, want %v and a word on %q", err, c.want, c.word)
			}
		})
	}
	if _, err := client(t, "http://127.0.0.1:1").ByPod(t.Context(), "up"); !errors.Is(err, scaling.ErrFailed) {
		t.Errorf("nobody there: %v", err)
	}
}

// playing plays a Prometheus whose clock stands at 1000 s, by query.
func playing(t *testing.T, answers map[string]string) *prom.Client {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.FormValue("query")]
		if !ok {
			t.Errorf("asked %q", r.FormValue("query"))
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return client(t, s.URL)
}

const (
	rate     = "rate(m[30s])"
	age      = "time() - max by (pod) (timestamp(m))"
	freshest = "rate(m[30s]) and on (pod) (time() - max by (pod) (timestamp(m)) <= 20)"
)

func TestFreshByPod(t *testing.T) {
	two := vector(`{"metric":{"pod":"a"},"value":[1000,"7"]}`, `{"metric":{"pod":"b"},"value":[1000,"8"]}`)
	old := vector(`{"metric":{"pod":"a"},"value":[1000,"99"]}`, `{"metric":{"pod":"b"},"value":[1000,"21"]}`)
	got, err := playing(t, map[string]string{freshest: two}).FreshByPod(t.Context(), rate, "m", 20*time.Second)
	if err != nil || len(got) != 2 || got["b"].Value != 8 {
		t.Errorf("%v, %v", got, err)
	}
	for name, c := range map[string]struct {
		answers map[string]string
		want    error
	}{
		"all are old": {map[string]string{freshest: vector(), rate: two, age: old}, scaling.ErrStale},
		"none is":     {map[string]string{freshest: vector(), rate: vector(), age: vector()}, scaling.ErrNoData},
		"an error":    {map[string]string{freshest: `{"status":"error","errorType":"execution","error":"too much"}`}, scaling.ErrFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := playing(t, c.answers).FreshByPod(t.Context(), rate, "m", 20*time.Second); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestValue(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want float64
		err  error
	}{
		"one":          {vector(`{"metric":{},"value":[1000,"7.5"]}`), 7.5, nil},
		"none":         {vector(), 0, scaling.ErrNoData},
		"two":          {vector(`{"metric":{"pod":"a"},"value":[1000,"7"]}`, `{"metric":{"pod":"b"},"value":[1000,"8"]}`), 0, scaling.ErrInvalid},
		"not a number": {vector(`{"metric":{},"value":[1000,"NaN"]}`), 0, scaling.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := answering(t, 200, c.body).Value(t.Context(), "avg(m)"); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%v, %v, want %v, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestDatedByPod(t *testing.T) {
	values := vector(`{"metric":{"pod":"a"},"value":[1000,"7"]}`, `{"metric":{"pod":"b"},"value":[1000,"8"]}`, `{"metric":{"pod":"gone"},"value":[1000,"9"]}`)
	for name, c := range map[string]struct {
		ages string
		want error
		word string
	}{
		"all are old":       {vector(`{"metric":{"pod":"a"},"value":[1000,"99"]}`, `{"metric":{"pod":"b"},"value":[1000,"21"]}`), scaling.ErrStale, "21 s old, the limit is 20s"},
		"older than can be": {vector(`{"metric":{"pod":"a"},"value":[1000,"1e300"]}`), scaling.ErrStale, "the limit is 20s"},
		"gone meanwhile":    {vector(), scaling.ErrNoData, "age of the samples"},
		"others only":       {vector(`{"metric":{"pod":"c"},"value":[1000,"1"]}`), scaling.ErrNoData, "ended"},
		"from the future":   {vector(`{"metric":{"pod":"a"},"value":[1000,"-5"]}`), scaling.ErrInvalid, "-5"},
		"age is an error":   {`{"status":"error","errorType":"execution","error":"too much"}`, scaling.ErrFailed, "too much"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := playing(t, map[string]string{rate: values, age: c.ages}).DatedByPod(t.Context(), rate, "m", 20*time.Second)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%v, want %v and a word on %q", err, c.want, c.word)
			}
		})
	}
	ages := vector(`{"metric":{"pod":"a"},"value":[1000,"20"]}`, `{"metric":{"pod":"b"},"value":[1000,"20.001"]}`)
	got, err := playing(t, map[string]string{rate: values, age: ages}).DatedByPod(t.Context(), rate, "m", 20*time.Second)
	if want := (scaling.Sample{Value: 7, At: time.Unix(980, 0)}); err != nil || len(got) != 1 || got["a"].Value != 7 || !got["a"].At.Equal(want.At) {
		t.Errorf("%v, %v: want a alone, measured 20 s ago", got, err)
	}
}

// The real server, scraping a pod that counts: the rate and the age come out as the autoscaler asks for them.
func TestRealPrometheus(t *testing.T) {
	begin := time.Now()
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "inference_requests_total{outcome=\"ok\"} %v\n", 10*time.Since(begin).Seconds())
		fmt.Fprintf(w, "inference_requests_total{outcome=\"error\"} %v\n", 2*time.Since(begin).Seconds())
	}))
	t.Cleanup(pod.Close)
	c := client(t, startPrometheus(t, strings.TrimPrefix(pod.URL, "http://")))

	const series = `inference_requests_total{namespace="default",pod=~"resnet-inference-.*"}`
	// Until the window is full, rate() divides what it saw by all of it.
	scraped(t, c, "sum by (pod) (rate("+series+"[10s])) > 10 < 14")
	const rate = "sum by (pod) (rate(" + series + "[10s]))"
	dated, err := c.DatedByPod(t.Context(), rate, series, time.Minute)
	if err != nil || len(dated) != 1 || time.Since(dated["resnet-inference-1"].At) > time.Minute {
		t.Errorf("%v, %v", dated, err)
	}
	if fresh, err := c.FreshByPod(t.Context(), rate, series, time.Minute); err != nil || len(fresh) != 1 || fresh["resnet-inference-1"].Value < 10 {
		t.Errorf("%v, %v", fresh, err)
	}
	if _, err := c.FreshByPod(t.Context(), rate, series, 0); !errors.Is(err, scaling.ErrStale) {
		t.Errorf("older than nothing: %v", err)
	}
	if sum, err := c.Value(t.Context(), "sum(rate("+series+"[10s]))"); err != nil || sum < 10 {
		t.Errorf("%v, %v", sum, err)
	}
	if _, err := c.ByPod(t.Context(), `absent_metric{pod="x"}`); !errors.Is(err, scaling.ErrNoData) {
		t.Errorf("a metric that is not there: %v", err)
	}
	if _, err := c.ByPod(t.Context(), `rate(`); !errors.Is(err, scaling.ErrFailed) || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a query that is none: %v", err)
	}
}

// scraped waits for scrapes to have happened.
func scraped(t *testing.T, c *prom.Client, query string) map[string]scaling.Sample {
	t.Helper()
	var samples map[string]scaling.Sample
	testkit.Eventually(t, query, func() (ok bool) {
		var err error
		samples, err = c.ByPod(t.Context(), query)
		return err == nil
	})
	return samples
}

func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: resnet-pods
  static_configs: [{targets: [%q], labels: {namespace: default, pod: resnet-inference-1}}]
`, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	server := exec.Command(testkit.Prometheus(t), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return "http://" + address
}
