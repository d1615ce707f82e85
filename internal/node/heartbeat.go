package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A kubelet's own rhythm: the Lease shows every 10 s that the node lives, for at most 40 s, and the status need not be told often.
const (
	leaseNamespace = corev1.NamespaceNodeLease
	leaseEvery     = 10 * time.Second
	leaseSeconds   = 40
	statusEvery    = 5 * time.Minute
	maxPods        = 110
	// callTimeout bounds one call of the API server.
	callTimeout = 10 * time.Second
	// retryEvery is how long to wait after a failed one.
	retryEvery = time.Second
)

// heartbeat registers the node and keeps it alive in the API server's eyes until ctx ends.
func (a *Agent) heartbeat(ctx context.Context) error {
	var told time.Time
	lost := false // contact with the API server
	for {
		wait := leaseEvery
		err := a.renewLease(ctx, time.Now())
		if err == nil && time.Since(told) >= statusEvery {
			if err = a.tellNode(ctx, true); err == nil {
				told = time.Now()
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			wait = retryEvery
		}
		if lost != (err != nil) {
			lost = err != nil
			a.tellContact(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// tellContact logs that contact was lost, or is there again.
func (a *Agent) tellContact(err error) {
	if err != nil {
		a.o.Log.Warn("the API server was not told that this node lives; trying until it is", "error", err)
		return
	}
	a.o.Log.Info("the API server hears again that this node lives")
}

func (a *Agent) renewLease(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	leases := a.leases.Leases(leaseNamespace)
	lease, err := leases.Get(ctx, a.o.Name, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if err != nil && !absent {
		return fmt.Errorf("lease of node %s: %w", a.o.Name, err)
	}
	if absent {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: a.o.Name, Namespace: leaseNamespace}}
	}
	seconds := int32(leaseSeconds)
	renewed := metav1.NewMicroTime(now)
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &a.o.Name, &seconds, &renewed
	if absent {
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("lease of node %s: %w", a.o.Name, err)
	}
	return nil
}

// tellNode makes the Node, unless it is there, and writes its status.
func (a *Agent) tellNode(ctx context.Context, ready bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: a.o.Name, Labels: map[string]string{
			corev1.LabelHostname: a.o.Name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
		}},
		Status: a.nodeStatus(ready, time.Now()),
	}
	if _, err := a.core.Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("register node %s: %w", a.o.Name, err)
	}
	patch, err := json.Marshal(map[string]any{"status": node.Status})
	if err != nil {
		return fmt.Errorf("status of node %s: %w", a.o.Name, err)
	}
	if _, err := a.core.Nodes().Patch(ctx, a.o.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return fmt.Errorf("status of node %s: %w", a.o.Name, err)
	}
	return nil
}

func (a *Agent) nodeStatus(ready bool, now time.Time) corev1.NodeStatus {
	condition := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "pods run as processes of this machine",
		LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	}
	if !ready {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionFalse, "KubeletNotReady", "the node's agent ends"
	}
	s := corev1.NodeStatus{
		Capacity: a.capacity(), Allocatable: a.capacity(), Conditions: []corev1.NodeCondition{condition},
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: a.own.String()}, {Type: corev1.NodeHostName, Address: a.o.Name}},
		NodeInfo:  corev1.NodeSystemInfo{OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, ContainerRuntimeVersion: "process://1"},
	}
	if tcp, ok := a.Addr().(*net.TCPAddr); ok {
		s.DaemonEndpoints.KubeletEndpoint.Port = int32(tcp.Port)
	}
	return s
}

// capacity is what the node offers; the agent itself takes too little to set aside.
func (a *Agent) capacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(a.o.CPU*1000), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(a.o.Memory, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(maxPods, resource.DecimalSI),
	}
}
