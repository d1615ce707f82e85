package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func TestAddressesAreUsedAgainAsLateAsPossible(t *testing.T) {
	own := netip.MustParseAddr("127.64.0.2")
	a := newAddresses(netip.MustParsePrefix("127.64.0.0/29"), own) // .0 and .7 are left out, .2 is the node's
	take := func() string {
		t.Helper()
		address, err := a.take()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(address.String(), "127.64.0.")
	}
	got := []string{take(), take()}
	a.giveBack(netip.MustParseAddr("127.64.0.3"))
	a.giveBack(netip.MustParseAddr("127.64.0.1"))
	got = append(got, take(), take(), take(), take(), take())
	if want := []string{"1", "3", "4", "5", "6", "3", "1"}; !slices.Equal(got, want) {
		t.Errorf("given in the order %v, want %v", got, want)
	}
	if _, err := a.take(); err == nil || !strings.Contains(err.Error(), "127.64.0.0/29") {
		t.Errorf("all are given: %v", err)
	}
}

func TestNoAddressIsGivenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := netip.PrefixFrom(netip.MustParseAddr("127.64.0.0"), rapid.IntRange(24, 29).Draw(t, "bits"))
		own := netip.MustParseAddr("127.64.0.1")
		a := newAddresses(prefix, own)
		var used []netip.Addr
		for _, take := range rapid.SliceOfN(rapid.Bool(), 0, 300).Draw(t, "takes") {
			if !take && len(used) > 0 {
				a.giveBack(used[0])
				used = used[1:]
				continue
			}
			address, err := a.take()
			if err != nil {
				if len(used) < 1<<(32-prefix.Bits())-3 {
					t.Fatalf("%v, but only %d are used", err, len(used))
				}
				continue
			}
			if slices.Contains(used, address) || address == own || !prefix.Contains(address) {
				t.Fatalf("%v was given; used are %v", address, used)
			}
			used = append(used, address)
		}
	})
}

func TestBackoff(t *testing.T) {
	b := &backoff{}
	var got []time.Duration
	for range 8 {
		got = append(got, b.next(time.Second)/time.Second)
	}
	got = append(got, b.next(time.Hour)/time.Second, b.next(time.Second)/time.Second)
	if want := []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("restarts after %v s, want %v", got, want)
	}
}

func TestTally(t *testing.T) {
	bad := errors.New("no")
	for name, c := range map[string]struct {
		probe   corev1.Probe
		answers []error
		want    []verdict
	}{
		"Kubernetes' defaults": {corev1.Probe{}, []error{bad, bad, nil, bad, bad, bad, bad, nil}, []verdict{0, 0, passed, 0, 0, failed, failed, passed}},
		"strict":               {corev1.Probe{SuccessThreshold: 2, FailureThreshold: 1}, []error{nil, nil, bad, nil, bad}, []verdict{0, passed, failed, 0, failed}},
	} {
		count := newTally(&c.probe)
		var got []verdict
		for _, a := range c.answers {
			got = append(got, count.add(a))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestProbingKeepsItsPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var asked, told []time.Duration
		ask := func(ctx context.Context) error {
			asked = append(asked, time.Since(began))
			<-ctx.Done() // never answers
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 29*time.Second)
		defer cancel()
		p := &corev1.Probe{InitialDelaySeconds: 3, PeriodSeconds: 5, TimeoutSeconds: 2, FailureThreshold: 2}
		probing(ctx, p, ask, began, func(v verdict, err error) {
			if v == failed {
				told = append(told, time.Since(began))
			}
		})
		seconds := func(list ...int) (d []time.Duration) {
			for _, s := range list {
				d = append(d, time.Duration(s)*time.Second)
			}
			return d
		}
		if want := seconds(3, 8, 13, 18, 23, 28); !slices.Equal(asked, want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
		if want := seconds(10, 15, 20, 25); !slices.Equal(told, want) {
			t.Errorf("failed at %v, want %v", told, want)
		}
	})
}

func TestFarewellOnlyGetsShorter(t *testing.T) {
	for name, c := range map[string]struct{ first, second, want time.Duration }{
		"longer":  {10 * time.Second, time.Minute, 10 * time.Second},
		"shorter": {10 * time.Second, 2 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				f := newFarewell()
				defer f.over()
				if f.begun() || !f.wait(time.Second) {
					t.Error("it began by itself")
				}
				f.within(c.first)
				if !f.begun() || f.wait(time.Hour) {
					t.Error("it has not begun")
				}
				time.Sleep(time.Second)
				f.within(c.second)
				<-f.hard.Done()
				if got := time.Since(began) - time.Second; got != c.want {
					t.Errorf("time was up after %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestPhase(t *testing.T) {
	var (
		fresh   = corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}
		runs    = corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
		crashes = corev1.ContainerStatus{State: fresh.State, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}
		done    = corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}
		broken  = corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}
	)
	type list = []corev1.ContainerStatus
	for _, c := range []struct {
		policy corev1.RestartPolicy
		facts  podFacts
		want   corev1.PodPhase
	}{
		{corev1.RestartPolicyAlways, podFacts{containers: list{fresh}}, corev1.PodPending},
		{corev1.RestartPolicyAlways, podFacts{containers: list{runs, fresh}}, corev1.PodPending},
		{corev1.RestartPolicyAlways, podFacts{containers: list{runs}}, corev1.PodRunning},
		{corev1.RestartPolicyAlways, podFacts{containers: list{crashes}}, corev1.PodRunning},
		{corev1.RestartPolicyAlways, podFacts{containers: list{done}}, corev1.PodRunning}, // and starts again
		{corev1.RestartPolicyOnFailure, podFacts{containers: list{broken}}, corev1.PodRunning},
		{corev1.RestartPolicyOnFailure, podFacts{containers: list{done, done}}, corev1.PodSucceeded},
		{corev1.RestartPolicyNever, podFacts{containers: list{done, runs}}, corev1.PodRunning},
		{corev1.RestartPolicyNever, podFacts{containers: list{done, broken}}, corev1.PodFailed},
		{corev1.RestartPolicyNever, podFacts{containers: list{broken, runs}}, corev1.PodRunning},
		{corev1.RestartPolicyAlways, podFacts{containers: list{done}, over: true}, corev1.PodSucceeded},
		{corev1.RestartPolicyAlways, podFacts{containers: list{broken}, over: true}, corev1.PodFailed},
		{corev1.RestartPolicyAlways, podFacts{containers: list{fresh}, over: true}, corev1.PodFailed},
		{corev1.RestartPolicyAlways, podFacts{containers: list{done}, over: true, nodeStops: true}, corev1.PodFailed},
	} {
		if got := phase(c.policy, c.facts); got != c.want {
			t.Errorf("%s, %+v: %s, want %s", c.policy, c.facts, got, c.want)
		}
	}
}

func TestAConditionKeepsItsDate(t *testing.T) {
	t0 := time.Unix(1000, 0)
	facts := podFacts{began: t0, podIP: "127.64.0.2", containers: []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
	first := podStatus(corev1.RestartPolicyAlways, facts, corev1.PodStatus{}, t0)
	again := podStatus(corev1.RestartPolicyAlways, facts, first, t0.Add(time.Minute))
	if !sameStatus(first, again) {
		t.Errorf("nothing happened, but the status changed: %s", cmp.Diff(first, again))
	}
	facts.containers[0].Ready = true
	ready := podStatus(corev1.RestartPolicyAlways, facts, again, t0.Add(time.Hour))
	for i, c := range ready.Conditions {
		moved := !c.LastTransitionTime.Equal(&first.Conditions[i].LastTransitionTime)
		if want := c.Type == corev1.PodReady || c.Type == corev1.ContainersReady; moved != want {
			t.Errorf("%s: moved %v, want %v", c.Type, moved, want)
		}
	}
}
