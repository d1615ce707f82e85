package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/testkit"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// The testers in the cluster: what the manifest asks for, and that what it says to them is understood and can be merged.
func TestDeployLoadtest(t *testing.T) {
	objects := render(t, filepath.Join(testkit.Root(t), "deploy", "loadtest"))
	job := named[*batchv1.Job](t, objects, "loadtest")
	t.Run("job", func(t *testing.T) { testJob(t, job) })
	t.Run("rights", func(t *testing.T) {
		same(t, rights(t, objects), map[string]string{"loadtest": "get apps/deployments/scale resnet-inference; list,watch /events"})
		testNamespace(t, objects, "default")
	})
	t.Run("its testers are merged", func(t *testing.T) { testTesters(t, job) })
}

func testJob(t *testing.T, job *batchv1.Job) {
	pod := job.Spec.Template.Spec
	got := fmt.Sprintf("%d of %d %s, again %d, restart %s, grace %d", *job.Spec.Parallelism, *job.Spec.Completions, *job.Spec.CompletionMode,
		*job.Spec.BackoffLimit, pod.RestartPolicy, *pod.TerminationGracePeriodSeconds)
	if want := "4 of 4 Indexed, again 0, restart Never, grace 45"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c := pod.Containers[0]
	if resources(c.Resources) != "cpu 500m..0 memory 256Mi..256Mi" || c.Image != "dispatcher:latest" || c.ImagePullPolicy != corev1.PullIfNotPresent {
		t.Errorf("%s %s %s", c.Image, c.ImagePullPolicy, resources(c.Resources))
	}
	testMemory(t, job.Name, &c)
	for broken, is := range unrestricted(pod.SecurityContext, &c) {
		if is {
			t.Errorf("loadtest: %s", broken)
		}
	}
	seeded := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == "RESNET_SEED" && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == "metadata.annotations['"+batchv1.JobCompletionIndexAnnotation+"']"
	})
	if !seeded {
		t.Error("the testers have no seeds of their own: they would send in step")
	}
}

// testTesters runs three testers as the Job would, but for the time and the place, and merges their logs.
func testTesters(t *testing.T, job *batchv1.Job) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	container := job.Spec.Template.Spec.Containers[0]
	args := append(slices.Clone(container.Command[1:]), container.Args...)
	args = append(args, "--url="+server.URL, "--images="+filepath.Join(testkit.Root(t), "images"), "--profile=constant:50/1s", "--warmup=100ms")
	args = slices.DeleteFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--url=http://dispatcher") || arg == "--profile=constant:50/1m" || arg == "--warmup=10s"
	})
	var logs bytes.Buffer
	for index := range 3 {
		tester := exec.Command(filepath.Join(bin, container.Command[0]), args...)
		tester.Env = append(tester.Environ(), fmt.Sprintf("RESNET_SEED=%d", index), "KUBECONFIG=/dev/null")
		out, err := tester.CombinedOutput() // a pod's log has both
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		logs.Write(out)
	}
	merge := exec.Command(filepath.Join(bin, "loadtest"), "merge", "-", "--json=-")
	merge.Stdin = bytes.NewReader(logs.Bytes())
	out, err := merge.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var merged summary.Result
	if err := json.Unmarshal(out, &merged); err != nil {
		t.Fatal(err)
	}
	var sum int64
	requests := map[int64]bool{}
	for text := json.NewDecoder(&logs); ; {
		var one summary.Result
		if err := text.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		sum += one.OK
		requests[one.Requests] = true
	}
	if merged.OK != sum || sum < 75 || len(requests) < 2 || merged.Lost() != 0 {
		t.Errorf("merged %d answers of %d; three seeds made %v requests; errors %v", merged.OK, sum, requests, merged.Errors)
	}
}
