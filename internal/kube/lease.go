package kube

import (
	"context"
	"errors"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/gentype"
)

// How long a lease holds without renewal, how long its holder tries to renew it before it gives up, and how often it does. Between the
// last two lies what clocks may differ in how fast they run, and a call that hangs.
const (
	leaseDuration = 10 * time.Second
	renewDeadline = 7 * time.Second
	retryPeriod   = 2 * time.Second
	leaseCall     = 2 * time.Second // the longest wait for an answer
)

// Lead runs lead while this process holds the Lease, and waits while another does, until ctx ends. lead has to return when its context
// ends. holds is told of each new holder, oneself included. Trouble with the Lease is logged once, and so is its end.
//
// It is the algorithm of client-go's leaderelection, on the same fields, so that both can stand for the same Lease: whoever sees that a
// Lease has not changed for as long as it holds, by the own clock, may take it; the API server lets only one of several succeed.
func (c *Cluster) Lead(
	ctx context.Context, lease, identity string, holds func(holder string), lead func(context.Context) error, log *slog.Logger,
) error {
	client, err := c.group(coordinationv1.SchemeGroupVersion)
	if err != nil {
		return err
	}
	e := &elector{
		leases: gentype.NewClient("leases", client, parameterCodec, c.namespace, newOf[coordinationv1.Lease]),
		name:   lease, namespace: c.namespace, identity: identity, holds: holds, log: log,
	}
	for e.acquire(ctx) {
		if err := e.lead(ctx, lead); err != nil {
			return err
		}
	}
	return nil
}

// elector is one of those that want the Lease. One goroutine uses it.
type elector struct {
	leases                    *leases
	name, namespace, identity string
	holds                     func(string)
	log                       *slog.Logger

	seen    *coordinationv1.Lease // as last read or written
	seenAt  time.Time             // when it became so, by our clock
	holder  string                // who was told last
	trouble string                // what was logged last; "": nothing is wrong
}

// acquire waits for the Lease; false when ctx ends first.
func (e *elector) acquire(ctx context.Context) bool {
	for ctx.Err() == nil {
		if e.try(ctx) {
			return true
		}
		select {
		case <-time.After(retryPeriod):
		case <-ctx.Done():
		}
	}
	return false
}

// lead runs lead until it returns, the Lease is lost or ctx ends, and gives the Lease back where it is still ours.
func (e *elector) lead(ctx context.Context, lead func(context.Context) error) error {
	leading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- lead(leading) }()
	tick := time.NewTicker(retryPeriod)
	defer tick.Stop()
	for deadline := e.seenAt.Add(renewDeadline); ; { // from when it was taken, which is a call ago
		select {
		case err := <-done:
			e.release(context.WithoutCancel(ctx))
			return err
		case <-tick.C:
		}
		if ctx.Err() != nil {
			continue // lead is about to return
		}
		asked := time.Now()
		if e.renew(ctx, deadline) {
			deadline = asked.Add(renewDeadline) // what counts is when it was written, which was after this
			continue
		}
		if e.holder == e.identity && time.Now().Before(deadline) {
			continue
		}
		e.log.Warn("the lead is lost", "lease", e.name, "holder", e.holder)
		if e.holder == e.identity {
			e.holder = "" // whoever it is next is news, also if it is this one again
		}
		stop()
		return <-done
	}
}

// renew tries once, and lets no call hang beyond the deadline.
func (e *elector) renew(ctx context.Context, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return e.try(ctx)
}

// try takes or renews the Lease, and tells whether it is ours now.
func (e *elector) try(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	ours, err := e.claim(ctx, time.Now())
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return false // another was faster; the next look tells who
	}
	e.report(ctx, err)
	return ours && err == nil
}

func (e *elector) claim(ctx context.Context, now time.Time) (ours bool, err error) {
	lease, err := e.leases.Get(ctx, e.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: e.name, Namespace: e.namespace}}
		take(lease, e.identity, now)
		lease, err = e.leases.Create(ctx, lease, metav1.CreateOptions{})
	case err != nil:
		return false, err
	default:
		e.see(lease, now)
		if !free(lease, e.identity, now.Sub(e.seenAt)) {
			return false, nil
		}
		take(lease, e.identity, now)
		lease, err = e.leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return false, err
	}
	e.see(lease, now)
	return true, nil
}

// see remembers what a Lease says, and since when, and tells of another holder.
func (e *elector) see(lease *coordinationv1.Lease, now time.Time) {
	if e.seen == nil || e.seen.ResourceVersion != lease.ResourceVersion {
		e.seen, e.seenAt = lease.DeepCopy(), now
	}
	if holder := holderOf(lease); holder != "" && holder != e.holder {
		e.holder = holder
		e.holds(holder)
	}
}

// release lets the next one have the Lease at once. That it cannot be written only makes the others wait.
func (e *elector) release(ctx context.Context) {
	if e.seen == nil || holderOf(e.seen) != e.identity {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	lease := e.seen.DeepCopy()
	lease.Spec.HolderIdentity = new("")
	if _, err := e.leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
		e.log.Debug("the lease was not given back", "lease", e.name, "error", err)
	}
	e.seen, e.holder = nil, ""
}

// report logs trouble when it begins, when it becomes another, and when it ends.
func (e *elector) report(ctx context.Context, err error) {
	trouble := ""
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return // the end
	case apierrors.IsForbidden(err):
		trouble = "refused"
		err = withRight(err, "get, create and update", "leases.coordination.k8s.io", e.namespace)
	case err != nil:
		trouble = "unreachable"
	}
	if trouble == e.trouble {
		return
	}
	e.trouble = trouble
	if err != nil {
		e.log.Error("the lease cannot be had or renewed; who leads is not known", "lease", e.name, "namespace", e.namespace, "error", err)
		return
	}
	e.log.Info("the lease can be had and renewed again", "lease", e.name)
}

func holderOf(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// free tells whether a Lease that has been as it is for so long may be taken or renewed by identity.
func free(lease *coordinationv1.Lease, identity string, unchanged time.Duration) bool {
	holds := leaseDuration
	if s := lease.Spec.LeaseDurationSeconds; s != nil {
		holds = time.Duration(*s) * time.Second
	}
	holder := holderOf(lease)
	return holder == "" || holder == identity || unchanged > holds
}

// take makes a Lease identity's, or renews it.
func take(lease *coordinationv1.Lease, identity string, now time.Time) {
	renewed := metav1.NewMicroTime(now)
	if holderOf(lease) != identity {
		lease.Spec.AcquireTime = &renewed
		transitions := int32(0)
		if lease.Spec.LeaseTransitions != nil {
			transitions = *lease.Spec.LeaseTransitions + 1
		}
		lease.Spec.LeaseTransitions = &transitions
	}
	lease.Spec.HolderIdentity, lease.Spec.RenewTime = &identity, &renewed
	lease.Spec.LeaseDurationSeconds = new(int32(leaseDuration / time.Second))
}
