package loadtest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"resnet-autoscaling/internal/loadtest"
)

// cluster is an API server whose proxy leads to one address.
type cluster struct {
	base *url.URL
	err  error
}

func (c cluster) ServiceProxy(service, port string) (*url.URL, *http.Client, error) {
	return c.base.JoinPath(service + ":" + port), http.DefaultClient, c.err
}

func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// nobody is an address where nothing listens any more.
func nobody(t *testing.T) *url.URL {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFind(t *testing.T) {
	here := serve(t, http.NotFound).JoinPath("predict")
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/dispatcher:8080/healthz" {
			http.NotFound(w, r)
		}
	})
	for name, test := range map[string]struct {
		where loadtest.Where
		want  string
		note  string
	}{
		"what was said":            {loadtest.Where{Said: here, Default: nobody(t)}, here.String(), ""},
		"a path is added":          {loadtest.Where{Said: &url.URL{Scheme: "http", Host: here.Host}}, here.String(), ""},
		"the default":              {loadtest.Where{Default: here, Cluster: cluster{err: errors.New("unused")}}, here.String(), ""},
		"else through the cluster": {loadtest.Where{Default: nobody(t), Cluster: cluster{base: proxy}}, proxy.String() + "/dispatcher:8080/predict", "include the API server"},
	} {
		got, err := loadtest.Find(t.Context(), test.where, "")
		if err != nil || got.URL.String() != test.want || !strings.Contains(got.Note, test.note) || (test.note == "") != (got.Note == "") {
			t.Errorf("%s: %v with note %q, %v; want %s", name, got.URL, got.Note, err, test.want)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	gone := nobody(t)
	empty := serve(t, http.NotFound)
	for name, test := range map[string]struct {
		where loadtest.Where
		says  []string
	}{
		"what was said":        {loadtest.Where{Said: gone, Default: gone}, []string{"nothing listens at " + gone.String(), "refused", "--url", "make up"}},
		"no such host":         {loadtest.Where{Said: &url.URL{Scheme: "http", Host: "no-such.invalid"}}, []string{"no-such.invalid"}},
		"the default":          {loadtest.Where{Default: gone}, []string{gone.Host, "no kubeconfig", "make up", "make demo", "--url"}},
		"no dispatcher there":  {loadtest.Where{Default: gone, Cluster: cluster{base: empty}}, []string{gone.Host, "no dispatcher", "404 Not Found", "make up"}},
		"a cluster that fails": {loadtest.Where{Default: gone, Cluster: cluster{base: empty, err: errors.New("bad certificate")}}, []string{"bad certificate"}},
		"a cluster that is gone": {
			loadtest.Where{Default: gone, Cluster: cluster{base: gone}},
			[]string{gone.Host, "no dispatcher", "refused", "make up"},
		},
	} {
		_, err := loadtest.Find(t.Context(), test.where, "")
		for _, want := range test.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want it to say %q", name, err, want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loadtest.Find(ctx, loadtest.Where{Said: empty}, ""); err == nil {
		t.Error("found a target after the end")
	}
}

func TestATestAgainstNobodySendsNothing(t *testing.T) {
	o := against(t, "constant:10/1h", func(http.ResponseWriter, *http.Request) {})
	o.Where.Said = nobody(t)
	s, err := loadtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context()); err == nil || r.Requests != 0 {
		t.Errorf("%d requests, %v", r.Requests, err)
	}
}
