// Package integration runs the real binaries together, as `local up` does: the real ONNX Runtime, the real Prometheus and the real
// kubectl, over loopback addresses that nobody else uses.
package integration
