package local

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Follow prints what the autoscaler does, from the Events that it writes, until ctx ends.
func (s *Service) Follow(ctx context.Context, out io.Writer) error {
	since := time.Now().Add(-time.Second)
	for ctx.Err() == nil {
		seconds := int64(300)
		watch, err := s.client.CoreV1().Events(namespace).Watch(ctx, metav1.ListOptions{TimeoutSeconds: &seconds})
		if err != nil {
			return fmt.Errorf("follow events: %w", err)
		}
		for change := range watch.ResultChan() {
			e, ok := change.Object.(*corev1.Event)
			if !ok || e.Source.Component != "autoscaler" || !e.LastTimestamp.After(since) {
				continue
			}
			since = e.LastTimestamp.Time
			if _, err := fmt.Fprintf(out, "%s  autoscaler  %s\n", e.LastTimestamp.Format(time.TimeOnly), e.Message); err != nil {
				watch.Stop()
				return err
			}
		}
	}
	return nil
}
