package node

import (
	"context"
	"path/filepath"
	"time"
)

// furnish adds what the containers are to find at their place: the way to the API server, and their volumes, whose tokens it keeps
// young.
func (w *worker) furnish(at *place) (err error) {
	ctx, cancel := context.WithTimeout(w.farewell.soft, callTimeout)
	defer cancel()
	if at.apiServer, err = w.agent.apiServer(ctx); err != nil || w.agent.o.VolumeDir == "" {
		return err
	}
	v := &volumes{core: w.agent.core, pod: w.pod, dir: w.volumeDir()}
	folders, renew, err := v.fill(ctx, time.Now())
	if err != nil {
		return err
	}
	at.folders = folders
	go w.renew(v, renew)
	return nil
}

// renew makes tokens anew before they end, until the farewell.
func (w *worker) renew(v *volumes, at time.Time) {
	for !at.IsZero() && w.farewell.wait(time.Until(at)) {
		ctx, cancel := context.WithTimeout(w.farewell.soft, callTimeout)
		_, next, err := v.fill(ctx, time.Now())
		cancel()
		if err != nil {
			w.log.Warn("the pod's volumes were not made anew; trying again", "error", err)
			next = time.Now().Add(retryEvery)
		}
		at = next
	}
}

func (w *worker) volumeDir() string { return filepath.Join(w.agent.o.VolumeDir, string(w.pod.UID)) }
