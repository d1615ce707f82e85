// Package chaos breaks the system under load and counts what is lost: real processes are killed, replaced and scaled, the Kubernetes
// API goes away, dispatchers are rolled, while clients send requests that each have to be answered once, rightly.
//
// Every process here is built with the race detector. Replicas are stand-ins that sleep for the service time, so that eight of them fit
// onto two cores, and with -chaos.real real model servers as well. `make test` runs it for seconds, `make chaos` for a quarter of an hour.
package chaos
