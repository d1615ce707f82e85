package kube

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// eventSource is the component that an autoscaler's Events name, in every process that writes or reads them.
const eventSource = "autoscaler"

// watchTimeout is how long one watch lasts before the next one; API servers end them too.
const watchTimeout = 5 * time.Minute

// Decisions tells what an autoscaler did to the Deployment after a time, from the Events that it writes, wherever it runs, until ctx
// ends. Times are as exact as an Event's: whole seconds.
func (d *Deployment) Decisions(ctx context.Context, since time.Time, tell func(at time.Time, decision string)) error {
	seconds := int64(watchTimeout.Seconds())
	selector := fields.OneTermEqualSelector("involvedObject.name", d.name).String()
	since = since.Truncate(time.Second)
	told := map[string]bool{} // a new watch begins with all the Events there are
	for ctx.Err() == nil {
		watch, err := d.events.Watch(ctx, metav1.ListOptions{FieldSelector: selector, TimeoutSeconds: &seconds})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return d.failed("watch the events of deployment", "watch", "events", err)
		}
		for change := range watch.ResultChan() {
			e, ok := change.Object.(*corev1.Event)
			if ok && e.Source.Component == eventSource && !e.LastTimestamp.Time.Before(since) && !told[e.Name] {
				told[e.Name] = true
				tell(e.LastTimestamp.Time, e.Message)
			}
		}
	}
	return nil
}
