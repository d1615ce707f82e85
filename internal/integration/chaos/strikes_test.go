package chaos_test

import (
	"slices"
	"syscall"
	"time"
)

const (
	// unordered is how far apart may be what Kubernetes does side by side: the end of the endpoint, and the signal to the process.
	unordered = 300 * time.Millisecond
	// unnoticed is how long a kubelet takes to see that a process has died: at least so long, and at most twice.
	unnoticed = time.Second
)

// strike takes a pod off those that something may happen to.
func (c *pods) strike(p *pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.struck = true
}

// remove takes a pod away as the deletion of a pod does: its endpoint is marked as terminating, and its process is told to end, whichever
// comes first; perhaps its readiness probe fails before it is gone; it ends; it is no endpoint any more.
func (c *pods) remove(p *pod) {
	c.strike(p)
	markFirst, probed, apart := c.random.IntN(2) == 0, c.random.IntN(2) == 0, time.Duration(c.random.Int64N(int64(unordered)))
	c.diary.note("%s terminates, its endpoint first: %v, the other one %v later; probed: %v", p.name, markFirst, apart.Round(time.Millisecond), probed)
	c.background.Go(func() {
		mark := func() { c.publish(func() { p.ready, p.terminating = false, true }) }
		if markFirst {
			mark()
			time.Sleep(apart)
		}
		ended := make(chan error, 1)
		go func() { ended <- p.process.end(syscall.SIGTERM) }()
		if !markFirst {
			time.Sleep(apart)
			mark()
		}
		if probed {
			time.Sleep(c.drainDelay / 2)
			c.publish(func() { p.serving = false })
		}
		if err := <-ended; err != nil {
			c.t.Error(err)
		}
		c.forget(p)
	})
}

func (c *pods) forget(p *pod) {
	c.publish(func() { c.list = slices.DeleteFunc(c.list, func(other *pod) bool { return other == p }) })
	c.diary.note("%s is gone", p.name)
}

// kill ends a pod's process at once. When the kubelet finds out, the pod is no endpoint until its container runs again, at its old address.
func (c *pods) kill(p *pod) {
	c.crash(p, func() {
		c.publish(func() { p.ready, p.serving = false, false })
		c.bringUp(p)
	})
}

// lose ends a pod's process at once, for good.
func (c *pods) lose(p *pod) { c.crash(p, func() { c.forget(p) }) }

func (c *pods) crash(p *pod, noticed func()) {
	c.strike(p)
	c.killed++
	after := unnoticed + time.Duration(c.random.Int64N(int64(unnoticed)))
	c.diary.note("%s is killed, which is noticed %v later", p.name, after.Round(time.Millisecond))
	p.process.kill()
	c.background.Go(func() {
		time.Sleep(after)
		noticed()
	})
}

// loseSight has the control plane take a pod's node for dead, which it is not.
func (c *pods) loseSight(p *pod) {
	c.diary.note("%s is not heard of", p.name)
	c.publish(func() { p.ready, p.serving = false, false })
}

// regainSight has it find out, of all pods that nothing else has happened to.
func (c *pods) regainSight() {
	c.diary.note("all are heard of again")
	c.publish(func() {
		for _, p := range c.list {
			if !p.struck {
				p.ready, p.serving = true, true
			}
		}
	})
}
