package soak

import (
	"context"
	"time"
)

// Watch looks at a server that others load. One goroutine at a time may use it.
type Watch struct{ w *watch }

// NewWatch watches the server at a URL. One that tells nothing of itself has no URL: then only the kernel is asked.
func NewWatch(url string, pid int) Watch { return Watch{newWatch(url, pid)} }

// Look is what the server holds now.
func (w Watch) Look(ctx context.Context) (Vitals, error) {
	if w.w.url != "" {
		return w.w.look(ctx)
	}
	v := Vitals{Second: time.Since(w.w.begin).Seconds()}
	return v, v.read(w.w.proc)
}

// Close closes its connection.
func (w Watch) Close() { w.w.close() }

// Growth is by which share the floor of the memory grows in ten minutes, and whether that is more than it may, and than chance.
func (r Result) Growth() (share float64, grows bool) {
	t := r.Floor()
	return t.share(), t.grows()
}
