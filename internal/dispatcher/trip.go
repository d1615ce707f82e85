package dispatcher

import (
	"context"
	"time"
)

// trip is what becomes known of a request on its way, for the access log. Only the request's own goroutine may touch it.
type trip struct {
	key     string        // name of the API key; "": it needed none
	queued  time.Duration // all waits for a credit together
	replica string        // the last one that it was sent to; "": none
	tries   int           // how often it was sent to one
}

type tripKey struct{}

func withTrip(ctx context.Context, t *trip) context.Context {
	return context.WithValue(ctx, tripKey{}, t)
}

// tripOf is never nil: a request that nobody logs has a trip that nobody reads.
func tripOf(ctx context.Context) *trip {
	if t, ok := ctx.Value(tripKey{}).(*trip); ok {
		return t
	}
	return &trip{}
}

// sent notes a try.
func (t *trip) sent(replica string) {
	t.replica = replica
	t.tries++
}
