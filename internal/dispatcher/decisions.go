package dispatcher

import (
	"context"
	"time"

	"resnet-autoscaling/internal/api"
)

// Decisions reads what the autoscaler decides. Follow tells each decision once, those of before first, and whether they can be read at all
// whenever it finds out, until ctx ends.
type Decisions interface {
	Follow(ctx context.Context, decided func(at time.Time, decision string), readable func(bool))
}

// followDecisions passes the autoscaler's decisions on to the pages. Requests do not depend on it.
func (s *Service) followDecisions(ctx context.Context) error {
	if s.o.Decisions != nil {
		s.o.Decisions.Follow(ctx, s.feed.tell, s.feed.setReadable)
	}
	<-ctx.Done()
	return nil
}

func (s *Service) decisionsState() api.DecisionsState {
	switch {
	case s.o.Decisions == nil:
		return api.DecisionsNone
	case s.feed.areReadable():
		return api.DecisionsFollowed
	}
	return api.DecisionsUnreadable
}
