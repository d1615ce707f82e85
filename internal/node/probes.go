package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// probes asks a container how it is, while it runs once.
type probes struct {
	*container
	began     time.Time
	unhealthy chan string // of one: why the container must be started again
}

// ask asks the startup probe until it has passed once, then the two others until ctx ends.
func (p *probes) ask(ctx context.Context) {
	if !p.startUp(ctx) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.askOne(ctx, "Readiness", p.spec.ReadinessProbe, func(ok bool) {
			p.set(func(s *corev1.ContainerStatus) { s.Ready = ok })
		})
	})
	both.Go(func() {
		p.askOne(ctx, "Liveness", p.spec.LivenessProbe, func(ok bool) {
			if !ok {
				p.giveUp("Liveness")
			}
		})
	})
	both.Wait()
}

// startUp is true once the container has started.
func (p *probes) startUp(ctx context.Context) (up bool) {
	if p.spec.StartupProbe == nil {
		return true
	}
	ctx, decided := context.WithCancel(ctx)
	defer decided()
	p.askOne(ctx, "Startup", p.spec.StartupProbe, func(ok bool) {
		if !ok {
			p.giveUp("Startup")
		}
		up = ok
		decided()
	})
	if up {
		p.set(func(s *corev1.ContainerStatus) { started(s, p.spec.ReadinessProbe) })
	}
	return up
}

// askOne asks one probe, where there is one, until ctx ends, and tells each verdict.
func (p *probes) askOne(ctx context.Context, name string, probe *corev1.Probe, decided func(ok bool)) {
	if probe == nil {
		return
	}
	question, err := newCheck(probe.ProbeHandler, p.spec.Ports, p.address)
	if err != nil {
		return // commandFor has refused such a container
	}
	probing(ctx, probe, question, p.began, func(v verdict, err error) {
		if err != nil {
			p.happened(corev1.EventTypeWarning, "Unhealthy", fmt.Sprintf("%s probe failed: %v", name, err))
		}
		if v != undecided {
			decided(v == passed)
		}
	})
}

// giveUp has the container started again, for the first reason that comes.
func (p *probes) giveUp(probe string) {
	select {
	case p.unhealthy <- fmt.Sprintf("Container %s failed %s probe, will be restarted", p.spec.Name, strings.ToLower(probe)):
	default:
	}
}
