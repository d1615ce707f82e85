package kubelite_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/testkit/kubeapi"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// raw asks by hand: header names and values in turn; "-" takes a header away.
func (c *cluster) raw(t *testing.T, method, path, body string, header ...string) *http.Response {
	t.Helper()
	client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: c.Config().TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.Config().Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token())
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); client.CloseIdleConnections() })
	return resp
}

func TestHowRequestsAreRefused(t *testing.T) {
	c := start(t)
	const (
		services = "/api/v1/namespaces/default/services"
		protobuf = "application/vnd.kubernetes.protobuf"
		service  = `{"kind":"Service","apiVersion":"v1","metadata":{"name":"web"},"spec":{"ports":[{"port":80}],"colour":"red"}}`
	)
	for _, x := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		reason                   metav1.StatusReason
		says                     string
	}{
		{"no token", "GET", services, "", []string{"Authorization", ""}, 401, "Unauthorized", "Unauthorized"},
		{"a wrong token", "GET", services, "", []string{"Authorization", "Bearer " + c.Token() + "x"}, 401, "Unauthorized", "Unauthorized"},
		{"a token without its scheme", "GET", services, "", []string{"Authorization", c.Token()}, 401, "Unauthorized", "Unauthorized"},
		{"discovery without a token", "GET", "/api", "", []string{"Authorization", ""}, 401, "Unauthorized", "Unauthorized"},
		{"protobuf alone", "GET", services, "", []string{"Accept", protobuf}, 406, "NotAcceptable", "application/json"},
		{"protobuf alone, for a write", "POST", services, service, []string{"Accept", protobuf}, 406, "NotAcceptable", "application/json"},
		{"an older table", "GET", services, "", []string{"Accept", "application/json;as=Table;g=meta.k8s.io;v=v1beta1"}, 406, "NotAcceptable", ""},
		{"a body of yaml", "POST", services, "kind: Service", []string{"Content-Type", "application/yaml"}, 415, "UnsupportedMediaType", "accepted media types include: application/json"},
		{"server-side apply", "PATCH", services + "/web", "{}", []string{"Content-Type", "application/apply-patch+yaml"}, 415, "UnsupportedMediaType", "application/strategic-merge-patch+json"},
		{"no JSON", "POST", services, "{", nil, 400, "BadRequest", "unexpected end of JSON"},
		{"another kind", "POST", services, `{"kind":"Pod","apiVersion":"v1"}`, nil, 400, "BadRequest", "does not match the expected API version"},
		{"an unknown field, strictly", "POST", services + "?fieldValidation=Strict", service, nil, 400, "BadRequest", `unknown field "spec.colour"`},
		{"a dry run", "POST", services + "?dryRun=All", service, nil, 400, "BadRequest", "dryRun=All is not served"},
		{"too large", "POST", services, strings.Repeat(" ", 4<<20), nil, 413, "RequestEntityTooLarge", "limit is 3145728"},
		{"a namespace that is not", "POST", "/api/v1/namespaces/nowhere/services", service, nil, 404, "NotFound", `namespaces "nowhere" not found`},
		{"a resource that is not", "GET", "/api/v1/namespaces/default/secrets", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"a group that is not", "GET", "/apis/batch/v1/jobs", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"a subresource that is not", "GET", services + "/web/scale", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"a path too deep", "GET", services + "/web/status/more", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"an object of all namespaces", "GET", "/api/v1/services/web", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"a node in a namespace", "GET", "/api/v1/namespaces/default/nodes", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"OpenAPI", "GET", "/openapi/v3", "", nil, 404, "NotFound", "could not find the requested resource"},
		{"all of them deleted at once", "DELETE", services, "", nil, 405, "MethodNotAllowed", "delete is not supported"},
		{"a namespace deleted", "DELETE", "/api/v1/namespaces/default", "", nil, 405, "MethodNotAllowed", "delete is not supported"},
		{"orphans", "DELETE", services + "/web?propagationPolicy=Orphan", "", nil, 400, "BadRequest", "Orphan is not served"},
		{"a selector of a field unknown", "GET", services + "?fieldSelector=spec.type=x", "", nil, 400, "BadRequest", `"spec.type" is not a known field selector`},
		{"a version of nothing", "GET", services + "?resourceVersion=x", "", nil, 400, "BadRequest", `Invalid value: "x"`},
		{"a version of the future", "GET", services + "?resourceVersion=999999", "", nil, 504, "Timeout", "Too large resource version: 999999"},
		{"a version of the past, exactly", "GET", services + "?resourceVersion=1&resourceVersionMatch=Exact", "", nil, 410, "Expired", "too old: 1"},
		{"a watch of the future", "GET", services + "?watch=1&resourceVersion=999999", "", nil, 504, "Timeout", "Too large resource version: 999999"},
		{"initial events without a match", "GET", services + "?watch=1&sendInitialEvents=true", "", nil, 422, "Invalid", "NotOlderThan"},
		{"a time that is none", "GET", services + "?watch=1&timeoutSeconds=soon", "", nil, 400, "BadRequest", `"soon"`},
		{"a patch that cannot be", "PATCH", "/api/v1/namespaces/default", `[{"op":"remove","path":"/nowhere"}]`, []string{"Content-Type", "application/json-patch+json"}, 422, "Invalid", "the patch cannot be applied"},
	} {
		t.Run(x.name, func(t *testing.T) {
			resp := c.raw(t, x.method, x.path, x.body, x.header...)
			var s metav1.Status
			if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
				t.Fatal(err)
			}
			if s.Kind != "Status" || s.Status != "Failure" || resp.StatusCode != x.status || int(s.Code) != x.status || s.Reason != x.reason || !strings.Contains(s.Message, x.says) {
				t.Errorf("%d %+v, want %d %s saying %q", resp.StatusCode, s, x.status, x.reason, x.says)
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	c := start(t)
	const protobufFirst = "application/vnd.kubernetes.protobuf,application/json"
	for path, says := range map[string]string{
		"/version": `"minor":"36"`, "/api": `"versions":["v1"]`, "/apis": `"name":"apps"`, "/apis/apps": `"groupVersion":"apps/v1"`,
		"/apis/apps/v1/": `"name":"deployments/scale"`, "/api/v1": `"name":"pods/log"`, "/healthz": "ok",
		"/api/v1/namespaces/default": `"phase":"Active"`, "/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault": `"name":"default"`,
	} {
		resp := c.raw(t, "GET", path, "", "Accept", protobufFirst)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), says) {
			t.Errorf("%s: %d %v\n%s\nwant %s", path, resp.StatusCode, err, body, says)
		}
	}
	warned := c.raw(t, "POST", "/api/v1/namespaces/default/services", `{"metadata":{"name":"web"},"spec":{"ports":[{"port":80}],"colour":"red"}}`)
	if warned.StatusCode != 201 || !strings.Contains(warned.Header.Get("Warning"), `unknown field \"spec.colour\"`) {
		t.Errorf("an unknown field: %d, warning %q", warned.StatusCode, warned.Header.Get("Warning"))
	}
}

// line is an event of a watch, as far as the tests look.
type line struct {
	Type   string
	Object struct {
		Kind     string
		Code     int
		Metadata struct {
			Name            string
			ResourceVersion string
			Annotations     map[string]string
		}
		Rows []struct{ Cells []any }
	}
}

func (c *cluster) watchLines(t *testing.T, path string, header ...string) func() line {
	t.Helper()
	resp := c.raw(t, "GET", path, "", header...)
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() line {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the watch ended: %v", lines.Err())
		}
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
}

func TestAWatchBeginsAsItIsAsked(t *testing.T) {
	c := start(t)
	const watch = "/api/v1/namespaces?watch=true"
	all := []string{"ADDED default", "ADDED kube-node-lease", "ADDED kube-system"}
	for name, x := range map[string]struct {
		query string
		want  []string
	}{
		"plain":          {"", all},
		"anything":       {"&resourceVersion=0", all},
		"streamed":       {"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", append(all, "BOOKMARK ")},
		"unmarked":       {"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=2", all},
		"from-a-version": {"&resourceVersion=2", []string{"ADDED kube-node-lease", "ADDED kube-system"}},
		"from-now":       {"&sendInitialEvents=false&resourceVersionMatch=NotOlderThan", nil},
	} {
		t.Run(name, func(t *testing.T) {
			next := c.watchLines(t, watch+x.query)
			if resp := c.raw(t, "POST", "/api/v1/namespaces", `{"metadata":{"name":"`+name+`"}}`); resp.StatusCode != 201 {
				t.Fatal(resp.Status)
			}
			var got []string
			for l := next(); l.Object.Metadata.Name != name; l = next() {
				if l.Type == "BOOKMARK" && (l.Object.Metadata.Annotations["k8s.io/initial-events-end"] != "true" || l.Object.Metadata.ResourceVersion == "" || l.Object.Kind != "Namespace") {
					t.Errorf("bookmark %+v", l)
				}
				if l.Object.Metadata.Name == "" || strings.Contains(strings.Join(all, ","), l.Object.Metadata.Name) {
					got = append(got, l.Type+" "+l.Object.Metadata.Name)
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("%q, want %q", got, x.want)
			}
		})
	}
}

func TestAWatchFromTooLongAgoIsGone(t *testing.T) {
	c := start(t)
	for range 2100 {
		// The clock of an Event is its own: each update is a change.
		if err := c.touch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	next := c.watchLines(t, "/api/v1/namespaces?watch=true&resourceVersion=1")
	if l := next(); l.Type != "ERROR" || l.Object.Code != 410 || l.Object.Kind != "Status" {
		t.Errorf("%+v, want a 410", l)
	}
}

func (c *cluster) touch(ctx context.Context) error {
	_, err := c.client.CoreV1().Namespaces().Patch(ctx, namespace, "application/merge-patch+json",
		[]byte(`{"metadata":{"annotations":{"touched":"`+time.Now().Format(time.RFC3339Nano)+`"}}}`), metav1.PatchOptions{})
	return err
}

func TestTables(t *testing.T) {
	c := start(t)
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	var got metav1.Table
	resp := c.raw(t, "GET", "/api/v1/namespaces?includeObject=Object", "", "Accept", table)
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Kind != "Table" || got.ResourceVersion == "" {
		t.Fatalf("%v, %+v", err, got.TypeMeta)
	}
	if len(got.Rows) != 3 || got.Rows[0].Cells[0] != "default" || got.ColumnDefinitions[0].Name != "Name" || !strings.Contains(string(got.Rows[0].Object.Raw), `"kind":"Namespace"`) {
		t.Errorf("%+v", got)
	}
	for include, says := range map[string]string{"": `"kind":"PartialObjectMetadata"`, "Metadata": `"kind":"PartialObjectMetadata"`, "None": "null"} {
		resp := c.raw(t, "GET", "/api/v1/namespaces/default?includeObject="+include, "", "Accept", table)
		var one metav1.Table
		if err := json.NewDecoder(resp.Body).Decode(&one); err != nil || len(one.Rows) != 1 || !strings.Contains(string(one.Rows[0].Object.Raw)+"null", says) {
			t.Errorf("include %q: %v, %+v", include, err, one)
		}
	}
	next := c.watchLines(t, "/api/v1/namespaces?watch=true", "Accept", table)
	if l := next(); l.Type != "ADDED" || l.Object.Kind != "Table" || len(l.Object.Rows) != 1 || l.Object.Rows[0].Cells[0] != "default" {
		t.Errorf("in a watch: %+v", l)
	}
}

func TestAWatchEndsWhenItsTimeIsOver(t *testing.T) {
	c := start(t)
	resp := c.raw(t, "GET", "/api/v1/namespaces?watch=true&timeoutSeconds=1", "")
	if body, err := io.ReadAll(resp.Body); err != nil || strings.Count(string(body), "\n") != 3 {
		t.Errorf("%v\n%s", err, body)
	}
}

func TestOptions(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, x := range map[string]struct {
		o    kubelite.Options
		says string
	}{
		"another machine's": {kubelite.Options{Listen: "192.0.2.1:0", Log: log, Now: time.Now}, "binds only its loopback"},
		"every address":     {kubelite.Options{Listen: ":0", Log: log, Now: time.Now}, "binds only its loopback"},
		"no port":           {kubelite.Options{Listen: "127.0.0.1", Log: log, Now: time.Now}, "give host:port"},
		"no clock":          {kubelite.Options{Listen: "127.0.0.1:0", Log: log}, "needs a logger and a clock"},
	} {
		if _, err := kubelite.New(x.o); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v, want %q", name, err, x.says)
		}
	}
	c := start(t)
	if _, err := kubelite.New(kubelite.Options{Listen: c.Addr().String(), Log: log, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a busy address: %v", err)
	}
}

// The same tests run against a real API server in the end-to-end test.
func TestItIsWhatOurProgramsExpectOfAnAPIServer(t *testing.T) {
	kubeapi.Run(t, start(t).client)
}
