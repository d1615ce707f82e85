// Package autoscaler measures policy slo beside its peers: the Kubernetes HPA's controller and Knative's autoscaler, by their own code at
// the versions that go.mod names, in the same simulated cluster on the same traces. Run it with make bench-autoscaler.
//
// What of the HPA decides is not exported, and reads the clock: it is called by its linker symbol, in a bubble of testing/synctest whose
// clock is that of the simulation. So the benchmark is a test.
package autoscaler
