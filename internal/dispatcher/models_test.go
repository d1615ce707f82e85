package dispatcher_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
)

// versioned is a replica with one version of model m. It counts what it was asked for in vain.
func versioned(t *testing.T, version string, tells bool, astray *atomic.Int64) balance.Endpoint {
	t.Helper()
	return playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		if tells {
			w.Header().Set(api.HeaderModels, api.Models{{Name: "m", Version: version}}.String())
		}
		if r.URL.Path == api.PathReadyz {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, asked, named := strings.Cut(r.URL.Path, "/versions/")
		if asked, _, _ = strings.Cut(asked, "/"); named && asked != version || strings.Contains(r.URL.Path, "/models/none") {
			astray.Add(1)
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, version)
	})
}

// While both versions of a model are there, each is asked only of the replicas that have it.
func TestAVersionIsAskedOfWhoHasIt(t *testing.T) {
	var astray atomic.Int64
	url := dispatch(t, unchanged, versioned(t, "1", true, &astray), versioned(t, "2", true, &astray), versioned(t, "1", true, &astray))
	for range 10 {
		for _, version := range []string{"1", "2"} {
			for _, to := range []string{"POST /v2/models/m/versions/%s/infer", "GET /v2/models/m/versions/%s"} {
				method, path, _ := strings.Cut(fmt.Sprintf(to, version), " ")
				a := ask(t, method, url+path, "")
				if a.StatusCode != http.StatusOK || a.body != version || a.Header.Get(api.HeaderModels) != "" {
					t.Fatalf("%s %s: %s by version %s, %v", method, path, a.Status, a.body, a.Header)
				}
			}
		}
	}
	if n := astray.Load(); n > 0 {
		t.Errorf("%d requests came to a replica that has said that it has another version", n)
	}
	// A model that nobody has is the replicas' to refuse.
	for _, to := range []string{"POST /v2/models/none/infer", "GET /v2/models/none", "POST /v2/models/m/versions/3/infer"} {
		method, path, _ := strings.Cut(to, " ")
		if a := ask(t, method, url+path, ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", to, a.Status)
		}
	}
}

// Model servers of a release that did not say what they have are asked one after the other.
func TestAVersionIsLookedForWhereNobodyTells(t *testing.T) {
	var astray atomic.Int64
	url := dispatch(t, unchanged, versioned(t, "1", false, &astray), versioned(t, "2", false, &astray))
	for range 10 {
		for _, version := range []string{"1", "1", "2"} { // replicas take turns: two in a row of a version come to both
			for _, to := range []string{"POST /v2/models/m/versions/%s/infer", "GET /v2/models/m/versions/%s"} {
				method, path, _ := strings.Cut(fmt.Sprintf(to, version), " ")
				if a := ask(t, method, url+path, ""); a.StatusCode != http.StatusOK || a.body != version {
					t.Fatalf("%s %s: %s by version %s", method, path, a.Status, a.body)
				}
			}
		}
	}
	for range 10 { // every second one comes to the replica that has it not, and which answers nothing else meanwhile
		if a := ask(t, "POST", url+"/v2/models/m/versions/1/infer", ""); a.body != "1" {
			t.Fatalf("%s by version %s", a.Status, a.body)
		}
	}
	if astray.Load() == 0 {
		t.Fatal("no request came to the wrong replica first: nothing was proven")
	}
	if n := metric(t, url, `dispatcher_retries_total{reason="model"}`); n == 0 {
		t.Error("no such retry was counted")
	}
	for _, r := range status(t, url).Replicas {
		if r.State != api.ReplicaReady || r.InFlight != 0 {
			t.Errorf("%s is %s with %d requests: what it has not must not count against it", r.Name, r.State, r.InFlight)
		}
	}
}

// A model that nobody has costs a few questions, however many replicas there are, and /predict names no model.
func TestAModelThatNobodyHasIsNotAskedOfAll(t *testing.T) {
	var astray atomic.Int64
	var replicas []balance.Endpoint
	for range 8 {
		replicas = append(replicas, versioned(t, "1", false, &astray))
	}
	url := dispatch(t, unchanged, replicas...)
	if a := ask(t, "POST", url+"/v2/models/none/infer", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("%s", a.Status)
	}
	if n := astray.Load(); n != 3 {
		t.Errorf("%d replicas were asked, want 3", n)
	}
	if code, body := post(t, url, "x"); code != http.StatusOK || body != "1" {
		t.Errorf("/predict: %d %s", code, body)
	}
}

// A version whose only replica is full for a moment is waited for: the others have not got it.
func TestAVersionIsWaitedForWhereItIs(t *testing.T) {
	var astray, refused atomic.Int64
	full := playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.HeaderModels, api.Models{{Name: "m", Version: "2"}}.String())
		if r.URL.Path == api.PathReadyz {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if refused.Add(1) <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "2")
	})
	url := dispatch(t, unchanged, versioned(t, "1", true, &astray), full, versioned(t, "1", true, &astray))
	if a := ask(t, "POST", url+"/v2/models/m/versions/2/infer", ""); a.StatusCode != http.StatusOK || a.body != "2" {
		t.Errorf("%s by version %q, want version 2's answer", a.Status, a.body)
	}
	if n := astray.Load(); n > 0 {
		t.Errorf("%d requests came to a replica that has said that it has another version", n)
	}
}

// Callers who ask for what nobody has must not make the replicas look ill.
func TestAModelThatAReplicaHasNotDoesNotCountAgainstIt(t *testing.T) {
	var astray atomic.Int64
	url := dispatch(t, unchanged, versioned(t, "1", false, &astray), versioned(t, "1", false, &astray))
	for range 10 {
		if a := ask(t, "POST", url+"/v2/models/none/infer", ""); a.StatusCode != http.StatusNotFound {
			t.Fatalf("%s", a.Status)
		}
	}
	if n := status(t, url).ReadyReplicas(); n != 2 {
		t.Errorf("%d replicas are ready after %d answers that they have not the model, want 2", n, astray.Load())
	}
}
