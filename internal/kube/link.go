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

// link keeps a store at what the API server has of something, and tells once when it cannot and once when it can again. Only the
// reflector's one goroutine at a time calls its methods.
type link struct {
	ask  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	open func(context.Context, metav1.ListOptions) (watch.Interface, error)
	// well is told whether what the store holds is kept up to date, by nil or by why not; may be nil.
	well func(error)

	log        *slog.Logger // with what it is about
	lost, back string       // what is logged
	right      string       // what has to be granted where it is refused
	trouble    string       // what it said last; "": nothing is wrong
}

var errNoAnswer = errors.New("no answer from the API server")

// follow fills the store with objects of the kind of example until ctx ends.
func (l *link) follow(ctx context.Context, name string, example runtime.Object, store cache.ReflectorStore) {
	// The link tells what goes wrong, once; the reflector would tell it at every attempt.
	silent := logr.Discard()
	reflector := cache.NewReflectorWithOptions(
		&cache.ListWatch{ListWithContextFunc: l.list, WatchFuncWithContext: l.watch}, example, store,
		cache.ReflectorOptions{
			Name: name, Logger: &silent, Clock: endingClock{ctx: ctx},
			Backoff: &wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Steps: 5, Cap: 4 * time.Second, Jitter: 0.5},
		})
	reflector.RunWithContext(klog.NewContext(ctx, silent))
}

func (l *link) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	list, err := l.ask(ctx, o)
	if err != nil {
		l.failed(ctx, err)
	}
	return list, err // where it may list but not watch it is not well again: only a watch ends the trouble
}

func (l *link) watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	stream, err := l.open(ctx, o)
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
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w (the right that is missing: %s)", err, l.right)
	}
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

func (l *link) recovered() {
	l.tellWell(nil)
	if l.trouble != "" {
		l.log.Info(l.back)
	}
	l.trouble = ""
}

func (l *link) tellWell(err error) {
	if l.well != nil {
		l.well(err)
	}
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
