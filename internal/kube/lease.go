package kube

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// How long a lease holds without renewal, how long its holder tries to renew it, and how often it does.
const (
	leaseDuration = 10 * time.Second
	renewDeadline = 7 * time.Second
	retryPeriod   = 2 * time.Second
)

// Lead runs lead while this process holds the Lease, and waits while another does, until ctx ends. lead has to return when its context
// ends. holds is told of each new holder, oneself included.
func (c *Cluster) Lead(ctx context.Context, lease, identity string, holds func(holder string), lead func(context.Context) error) error {
	client, err := coordinationclient.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("client for %s: %w", c.config.Host, err)
	}
	for ctx.Err() == nil {
		if err := c.leadOnce(ctx, client, lease, identity, holds, lead); err != nil {
			return err
		}
	}
	return nil
}

// leadOnce stands by, leads, and returns when the lead is lost or ctx ends.
func (c *Cluster) leadOnce(ctx context.Context, client coordinationclient.LeasesGetter, lease, identity string, holds func(string), lead func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	var state atomic.Int32 // the elector starts lead in a goroutine of its own, which may come too late
	const idle, leading, over = 0, 1, 2
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Name: lease, Namespace: c.namespace}, Client: client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true, Name: lease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				if state.CompareAndSwap(idle, leading) {
					done <- lead(ctx)
					cancel()
				}
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      holds,
		},
	})
	if err != nil {
		return fmt.Errorf("lease %s/%s: %w", c.namespace, lease, err)
	}
	elector.Run(ctx)
	cancel()
	if state.CompareAndSwap(idle, over) {
		return nil
	}
	return <-done
}
