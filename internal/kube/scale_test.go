package kube_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"resnet-autoscaling/internal/kube"
)

// server plays the few answers of an API server that a test is about; what it does not know is a 404. It keeps the patches it got.
type server struct {
	mu      sync.Mutex
	answers map[string]string // "GET /apis/…" to "status body"
	patches []string
	path    []string
	on      func(request string) // before each answer
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := r.Method + " " + r.URL.Path
	if r.Method == http.MethodPatch || r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		s.patches, s.path = append(s.patches, string(body)), append(s.path, request+" "+r.Header.Get("Content-Type"))
	}
	if s.on != nil {
		s.on(request)
	}
	status, body := http.StatusNotFound, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not found"}`
	if answer, ok := s.answers[request]; ok {
		fmt.Sscanf(answer, "%d", &status)
		_, body, _ = strings.Cut(answer, " ")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func deployment(t *testing.T, s *server) *kube.Deployment {
	t.Helper()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"ns"}}],
"clusters":[{"name":"c","cluster":{"server":%q}}],"users":[{"name":"u","user":{}}]}`, web.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	if cluster.Namespace() != "ns" || cluster.Inside() {
		t.Errorf("namespace %q, inside %v", cluster.Namespace(), cluster.Inside())
	}
	d, err := cluster.Deployment("web")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	deploymentPath = "/apis/apps/v1/namespaces/ns/deployments/web"
	scaleJSON      = `200 {"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"web","resourceVersion":"%d"},"spec":{"replicas":%d}}`
	failure        = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"no"}`
)

func TestFleet(t *testing.T) {
	s := &server{answers: map[string]string{
		"GET " + deploymentPath: `200 {"kind":"Deployment","apiVersion":"apps/v1","metadata":{"generation":3},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}}},
			"status":{"observedGeneration":3,"replicas":3,"updatedReplicas":3}}`,
		"GET /api/v1/namespaces/ns/pods": `200 {"kind":"PodList","apiVersion":"v1","items":[
			{"metadata":{"name":"ready"},"spec":{"containers":[{"resources":{"requests":{"cpu":"250m"}}}]},"status":{"phase":"Running","startTime":"2026-01-01T00:00:00Z","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:01:00Z"}]}},
			{"metadata":{"name":"pending"},"spec":{"containers":[{"resources":{}}]},"status":{"phase":"Pending"}},
			{"metadata":{"name":"failed"},"status":{"phase":"Failed"}},
			{"metadata":{"name":"leaving","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running"}}]}`,
	}}
	f, err := deployment(t, s).Fleet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Replicas != 3 || f.RollingOut || len(f.Pods) != 2 {
		t.Fatalf("%+v", f)
	}
	if p := f.Pods[0]; p.Name != "ready" || !p.Ready || p.Pending || p.Since.Sub(p.Started).Minutes() != 1 {
		t.Errorf("%+v", p)
	}
	if p := f.Pods[1]; p.Name != "pending" || p.Ready || !p.Pending || !p.Started.IsZero() {
		t.Errorf("%+v", p)
	}
	if len(f.CPURequests) != 1 || f.CPURequests["ready"] != 0.25 {
		t.Errorf("CPU requests %v: a pod without a request has none", f.CPURequests)
	}
	for _, status := range []string{`"observedGeneration":2,"replicas":3,"updatedReplicas":3`, `"observedGeneration":3,"replicas":3,"updatedReplicas":1`} {
		s.answers["GET "+deploymentPath] = `200 {"kind":"Deployment","apiVersion":"apps/v1","metadata":{"generation":3},"spec":{"replicas":3,"selector":{}},"status":{` + status + `}}`
		if f, err := deployment(t, s).Fleet(t.Context()); err != nil || !f.RollingOut {
			t.Errorf("%s is a roll-out: %+v, %v", status, f, err)
		}
	}
}

func TestScalePatchesTheScaleAlone(t *testing.T) {
	s := &server{answers: map[string]string{
		"GET " + deploymentPath + "/scale":   fmt.Sprintf(scaleJSON, 7, 2),
		"PATCH " + deploymentPath + "/scale": fmt.Sprintf(scaleJSON, 8, 4),
	}}
	if err := deployment(t, s).Scale(t.Context(), 2, 4); err != nil {
		t.Fatal(err)
	}
	var patch map[string]map[string]any
	if len(s.patches) != 1 || json.Unmarshal([]byte(s.patches[0]), &patch) != nil {
		t.Fatalf("patches %q", s.patches)
	}
	if patch["metadata"]["resourceVersion"] != "7" || patch["spec"]["replicas"] != 4.0 || len(patch) != 2 {
		t.Errorf("patch %s", s.patches[0])
	}
	if want := "PATCH " + deploymentPath + "/scale application/merge-patch+json"; s.path[0] != want {
		t.Errorf("%s, want %s", s.path[0], want)
	}
}

func TestScaleAfterAConflict(t *testing.T) {
	s := &server{answers: map[string]string{
		"GET " + deploymentPath + "/scale":   fmt.Sprintf(scaleJSON, 7, 2),
		"PATCH " + deploymentPath + "/scale": "409 " + fmt.Sprintf(failure, "Conflict", 409),
	}}
	s.on = func(string) {
		if len(s.patches) == 2 {
			s.answers["PATCH "+deploymentPath+"/scale"] = fmt.Sprintf(scaleJSON, 9, 4)
		}
	}
	if err := deployment(t, s).Scale(t.Context(), 2, 4); err != nil || len(s.patches) != 2 {
		t.Errorf("%v after %d patches", err, len(s.patches))
	}
	s = &server{answers: map[string]string{"GET " + deploymentPath + "/scale": fmt.Sprintf(scaleJSON, 7, 6)}}
	if err := deployment(t, s).Scale(t.Context(), 2, 4); err == nil || !strings.Contains(err.Error(), "somebody else made it 6") || len(s.patches) != 0 {
		t.Errorf("%v, patches %q: another's number is left alone", err, s.patches)
	}
}

func TestForbiddenNamesTheRight(t *testing.T) {
	forbidden := "403 " + fmt.Sprintf(failure, "Forbidden", 403)
	s := &server{answers: map[string]string{
		"GET " + deploymentPath: forbidden, "GET " + deploymentPath + "/scale": fmt.Sprintf(scaleJSON, 1, 2), "PATCH " + deploymentPath + "/scale": forbidden,
		"GET /apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers": forbidden,
	}}
	d := deployment(t, s)
	_, fleet := d.Fleet(t.Context())
	_, other := d.OtherAutoscaler(t.Context())
	for right, err := range map[string]error{
		"get on deployments in namespace ns": fleet, "list on horizontalpodautoscalers in namespace ns": other,
		"patch on deployments/scale in namespace ns": d.Scale(t.Context(), 2, 3),
	} {
		if err == nil || !strings.Contains(err.Error(), right) {
			t.Errorf("%v, want the right: %s", err, right)
		}
	}
}

func TestOtherAutoscaler(t *testing.T) {
	const hpa = `{"metadata":{"name":"h","ownerReferences":[%s]},"spec":{"scaleTargetRef":{"kind":"Deployment","name":%q}}}`
	for want, item := range map[string]string{
		"":                          fmt.Sprintf(hpa, "", "another"),
		"HorizontalPodAutoscaler h": fmt.Sprintf(hpa, "", "web"),
		"ScaledObject so":           fmt.Sprintf(hpa, `{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":"so","uid":"1"}`, "web"),
	} {
		s := &server{answers: map[string]string{
			"GET /apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers": `200 {"kind":"HorizontalPodAutoscalerList","apiVersion":"autoscaling/v2","items":[` + item + `]}`,
		}}
		if got, err := deployment(t, s).OtherAutoscaler(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
