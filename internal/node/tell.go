package node

import (
	"context"
	"encoding/json"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// tell writes the pod's status, where it is another than the API server was told last.
func (w *worker) tell() error {
	s := w.snapshot()
	if w.contradicted(s.newest) {
		w.told = s.newest.Status
	}
	if s.lost || len(w.containers) == 0 {
		return nil
	}
	status := podStatus(w.policy(), w.facts(s), w.told, time.Now())
	if sameStatus(status, w.told) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": w.pod.UID}, "status": status})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := w.agent.core.Pods(w.pod.Namespace).Patch(ctx, w.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	w.told, w.toldAs = status, answer.GetResourceVersion()
	return nil
}

// contradicted tells whether somebody else wrote the pod's readiness since: the control plane does, of a node that it did not hear of.
func (w *worker) contradicted(newest *corev1.Pod) bool {
	if w.toldAs == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(newest.ResourceVersion, w.toldAs)
	return err == nil && order > 0 && readiness(newest.Status) != readiness(w.told)
}

func readiness(s corev1.PodStatus) corev1.ConditionStatus {
	for _, c := range s.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status
		}
	}
	return corev1.ConditionUnknown
}

// facts are what there is to say of the pod in a state.
func (w *worker) facts(s podState) podFacts {
	f := podFacts{began: w.began, hostIP: w.agent.own.String(), nodeStops: s.nodeStops && s.over, over: s.over && w.farewell.begun()}
	if s.address.IsValid() {
		f.podIP = s.address.String()
	}
	for _, c := range w.containers {
		f.containers = append(f.containers, c.snapshot())
	}
	return f
}

// finish tells the end, and lets the API server forget a pod that it wants to.
func (w *worker) finish() {
	for {
		err := w.tell()
		if err == nil {
			err = w.remove()
		}
		if err == nil {
			return
		}
		w.log.Warn("the API server was not told of the pod's end", "error", err)
		select {
		case <-w.left:
			return // the agent does not wait for an API server
		case <-time.After(retryEvery):
		}
	}
}

// remove deletes a pod that was to be deleted, and what was kept of one that is no more.
func (w *worker) remove() error {
	s := w.snapshot()
	if !s.deleting() && !s.lost {
		return nil
	}
	if !s.lost {
		if err := w.delete(); err != nil {
			return err
		}
	}
	if w.agent.o.VolumeDir != "" {
		if err := os.RemoveAll(w.volumeDir()); err != nil {
			return err
		}
	}
	return os.RemoveAll(w.logDir)
}

// delete lets the API server forget the pod.
func (w *worker) delete() error {
	now, uid := int64(0), w.pod.UID
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	o := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid}}
	err := w.agent.core.Pods(w.pod.Namespace).Delete(ctx, w.pod.Name, o)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone already, or another pod of its name is there now
	}
	return err
}
