package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// link asks the API server for a Service's slices, and tells once when it cannot and once when it can again. Only the reflector's one
// goroutine at a time calls it.
type link struct {
	*Endpoints
	trouble string // what it said last; "": nothing is wrong
}

var errNoAnswer = errors.New("no answer from the API server")

func (l *link) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	list, err := l.slices.List(ctx, l.selected(o))
	if err != nil {
		l.failed(ctx, err)
	}
	return list, err // where it may list but not watch it is not well again: only a watch ends the trouble
}

func (l *link) watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	stream, err := l.slices.Watch(ctx, l.selected(o))
	_, streams := stream.(*watch.StreamWatcher)
	switch {
	case err == nil && streams:
		l.recovered()
	case err == nil: // client-go makes an empty watch of a connection that timed out or broke off
		l.failed(ctx, errNoAnswer)
	case o.SendInitialEvents != nil && apierrors.IsInvalid(err): // an API server that wants to be asked for a list first; the reflector will
	default:
		l.failed(ctx, err)
	}
	return stream, err
}

func (l *link) failed(ctx context.Context, err error) {
	if ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // the end, or only too old a version: the reflector asks for the newest
	}
	trouble := "unreachable"
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		trouble = "refused"
	}
	if trouble == l.trouble {
		return
	}
	l.trouble = trouble
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w (the right that is missing: list and watch on endpointslices.discovery.k8s.io in namespace %s)", err, l.namespace)
	}
	l.log.Error("the replicas cannot be watched; the last known ones stand", "namespace", l.namespace, "service", l.service, "error", err)
}

func (l *link) recovered() {
	if l.trouble != "" {
		l.log.Info("the replicas are watched again", "namespace", l.namespace, "service", l.service)
	}
	l.trouble = ""
}
