package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// objects reads those of one kind in a namespace, as the clients of client.go do; L is their list.
type objects[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// copyOf takes in what the API server has of a kind.
type copyOf[T runtime.Object] interface {
	replace(all []T)
	put(one T)
	drop(one T)
}

// link keeps a copy at what the API server has of a kind, and tells once when it cannot and once when it can again. Only the reflector's
// one goroutine at a time calls its methods, and the copy's.
type link[T, L runtime.Object] struct {
	from           objects[L]
	labels, fields string // selectors; "": all
	into           copyOf[T]
	// well is told whether the copy is kept up to date, by nil or by why not; may be nil.
	well func(error)

	log                 *slog.Logger // with what it is about
	lost, back          string       // what is logged
	resource, namespace string       // where it is refused, what has to be granted
	trouble             string       // what it said last; "": nothing is wrong
}

var errNoAnswer = errors.New("no answer from the API server")

// follow keeps the copy until ctx ends.
func (l *link[T, L]) follow(ctx context.Context) {
	// The link tells what goes wrong, once; the reflector would tell it at every attempt.
	silent := logr.Discard()
	var example T // a nil pointer has a type, too
	reflector := cache.NewReflectorWithOptions(
		&cache.ListWatch{ListWithContextFunc: l.list, WatchFuncWithContext: l.watch}, example, store[T]{l.into},
		cache.ReflectorOptions{
			Name: l.resource, Logger: &silent, Clock: endingClock{ctx: ctx},
			Backoff: &wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Steps: 5, Cap: 4 * time.Second, Jitter: 0.5},
		})
	reflector.RunWithContext(klog.NewContext(ctx, silent))
}

func (l *link[T, L]) selected(o metav1.ListOptions) metav1.ListOptions {
	o.LabelSelector, o.FieldSelector = l.labels, l.fields
	return o
}

func (l *link[T, L]) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	list, err := l.from.List(ctx, l.selected(o))
	if err != nil {
		l.failed(ctx, err)
	}
	return list, err // where it may list but not watch it is not well again: only a watch ends the trouble
}

func (l *link[T, L]) watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	stream, err := l.from.Watch(ctx, l.selected(o))
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

func (l *link[T, L]) failed(ctx context.Context, err error) {
	if ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // the end, or only too old a version: the reflector asks for the newest
	}
	err = withRight(err, "list and watch", l.resource, l.namespace)
	l.tellWell(err)
	trouble := "unreachable"
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		trouble = "refused"
	}
	if trouble == l.trouble {
		return
	}
	l.trouble = trouble
	l.log.Error(l.lost, "error", err)
}

func (l *link[T, L]) recovered() {
	l.tellWell(nil)
	if l.trouble != "" {
		l.log.Info(l.back)
	}
	l.trouble = ""
}

func (l *link[T, L]) tellWell(err error) {
	if l.well != nil {
		l.well(err)
	}
}

// store is a copy as a reflector fills it.
type store[T runtime.Object] struct{ copyOf[T] }

// Add is Update: a copy does not mind whether it knew an object.
func (s store[T]) Add(o any) error { return s.Update(o) }

// Update takes in an object.
func (s store[T]) Update(o any) error {
	one, err := as[T](o)
	if err == nil {
		s.put(one)
	}
	return err
}

// Delete takes out an object.
func (s store[T]) Delete(o any) error {
	one, err := as[T](o)
	if err == nil {
		s.drop(one)
	}
	return err
}

// Replace takes in all that there are.
func (s store[T]) Replace(list []any, _ string) error {
	all := make([]T, len(list))
	for i, o := range list {
		var err error
		if all[i], err = as[T](o); err != nil {
			return err
		}
	}
	s.replace(all)
	return nil
}

// Resync has nothing to repair: a copy is told every change.
func (s store[T]) Resync() error { return nil }

func as[T runtime.Object](o any) (T, error) {
	one, ok := o.(T)
	if !ok {
		return one, fmt.Errorf("watch objects of type %T: got a %T", one, o)
	}
	return one, nil
}

// endingClock ends waits with the context: the reflector's own wait before it asks an absent API server again does not, and a shutdown
// would wait for it.
type endingClock struct {
	clock.RealClock
	ctx context.Context
}

// After is time.After that ends with the context, too.
func (c endingClock) After(d time.Duration) <-chan time.Time {
	over := make(chan time.Time, 1)
	ctx, cancel := context.WithTimeout(c.ctx, d)
	context.AfterFunc(ctx, func() {
		cancel()
		over <- time.Now()
	})
	return over
}
