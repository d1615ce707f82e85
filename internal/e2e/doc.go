// Package e2e proves the system on a real control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, two
// nodes of our agent that run the real binaries as processes, and the manifests of deploy/ as `make deploy` applies them. All of it lives
// in a network namespace that the test makes for itself.
package e2e
