package node

import "time"

const (
	maxBackoff = 30 * time.Second
	// wellBehaved is how long a container must have run for its restarts to be forgotten.
	wellBehaved = 2 * maxBackoff
)

// backoff spaces a container's restarts: the first at once, then after 1 s, 2 s, 4 s … 30 s. A kubelet begins at 10 s and goes to 5
// minutes, for a cluster of thousands; here somebody sits and waits, and a replica that was killed should be back while he looks.
type backoff struct{ delay time.Duration }

// next is how long to wait before a restart, after a run that took so long.
func (b *backoff) next(ran time.Duration) time.Duration {
	if ran >= wellBehaved {
		b.delay = 0
	}
	wait := b.delay
	b.delay = min(max(time.Second, 2*wait), maxBackoff)
	return wait
}
