package main

import (
	"context"
	"errors"
	"fmt"
)

const (
	sure        = 0.8 // below it, a server whose arithmetic differs by rounding may rightly say something else
	mostChecked = 12
	leastCheck  = 2
)

// expected is a picture and the label that every server must give it.
type expected struct {
	photo  photo
	synset string
}

// expectations are the labels of the pictures that our server, in FP32, is sure of.
func (l load) expectations(ctx context.Context) ([]expected, error) {
	var all []expected
	for i, p := range l.photos {
		if !p.upright() || len(all) == mostChecked {
			continue
		}
		body, err := l.askAbout(ctx, patient, p, uint64(i))
		if err != nil {
			return nil, err
		}
		best, err := l.asking.best(body)
		if err != nil {
			return nil, err
		}
		if best.Probability >= sure {
			all = append(all, expected{photo: p, synset: best.Synset})
		}
	}
	if len(all) < leastCheck {
		return nil, fmt.Errorf("the labels cannot be compared: our server is sure (%.0f %%) of only %d of the pictures, and %d are needed", 100*sure, len(all), leastCheck)
	}
	return all, nil
}

// verify tells on which pictures a server says something else.
func (l load) verify(ctx context.Context, all []expected) error {
	var errs []error
	for i, e := range all {
		body, err := l.askAbout(ctx, patient, e.photo, uint64(i))
		if err != nil {
			return err
		}
		best, err := l.asking.best(body)
		if err != nil {
			return err
		}
		if best.Synset != e.synset {
			errs = append(errs, fmt.Errorf("%s is %s, not %s", e.photo.name, best.Synset, e.synset))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("answers wrongly: %w", errors.Join(errs...))
	}
	return nil
}
