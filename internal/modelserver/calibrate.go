package modelserver

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"time"
)

const (
	warmUpPictures      = 2
	calibrationPictures = 7
	measureEvery        = time.Second
	// A second in which the process used less than this share of its quota says little about its capacity.
	busyShare = 0.5
	// A second in which all slots had work for this share of it shows what the server can do; what is left goes to and fro with answers.
	fullShare = 0.95
	// What counts is the last of the busy seconds, about so many of them, of which the calibration is as good as two.
	busyMemory       = 20
	calibrationCount = 2
)

// measureCapacity finds the capacity with a picture of its own and the model of POST /predict, which makes the server ready, and then corrects it by what serving
// costs: capacity = CPU quota ÷ CPU seconds per picture. CPU time, not wall time, so that a throttled start measures the same; the median,
// so that one picture that met a machine in turmoil does not count.
func (s *Service) measureCapacity(ctx context.Context) error {
	sample, err := samplePicture()
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if err := s.classifySamples(ctx, sample, warmUpPictures); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	cost, err := s.costOf(ctx, sample)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	s.setCapacity(s.o.CPUs / cost)
	s.o.Log.Info("ready", "capacity_rps", s.capacity(), "cpus", s.o.CPUs, "slots", s.o.Slots)
	return s.correctCapacity(ctx, cost)
}

// costOf is the CPU time that a picture takes, in seconds.
func (s *Service) costOf(ctx context.Context, picture []byte) (float64, error) {
	costs := make([]time.Duration, calibrationPictures)
	for i := range costs {
		before := s.o.CPUTime()
		if err := s.classifySamples(ctx, picture, 1); err != nil {
			return 0, err
		}
		costs[i] = s.o.CPUTime() - before
	}
	slices.Sort(costs)
	cost := costs[len(costs)/2]
	if cost <= 0 {
		return 0, fmt.Errorf("a picture took %v of CPU time: the CPU clock does not move", cost)
	}
	return cost.Seconds(), nil
}

func (s *Service) classifySamples(ctx context.Context, sample []byte, n int) error {
	_, _, err := s.work(ctx, s.models[0], slices.Repeat([]source{{encoded: sample}}, n))
	return err
}

// correctCapacity corrects what a picture costs by each busy second until ctx ends: the CPU time of late by the pictures of late.
func (s *Service) correctCapacity(ctx context.Context, cost float64) error {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	last := s.spending()
	spent := calibrationCount * s.o.CPUs
	pictures := spent / cost
	for seen := calibrationCount; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := s.spending()
		if used, done := now.since(last, s.o.CPUs); used > 0 {
			kept := 1.0 // at first it is an average
			if seen++; seen > busyMemory {
				kept = 1 - 1.0/busyMemory
			}
			spent, pictures = kept*spent+used, kept*pictures+done
			s.setCapacity(s.o.CPUs * pictures / spent)
		}
		last = now
	}
}

// spending is what was spent on pictures until a time.
type spending struct {
	at       time.Time
	cpu      time.Duration
	occupied time.Duration
	pictures int64
}

func (s *Service) spending() spending {
	now := time.Now()
	return spending{at: now, cpu: s.o.CPUTime(), occupied: s.gate.occupied.until(now), pictures: s.images.Load()}
}

// since is the CPU seconds that were spent since an earlier time, and the pictures that were done for them; no seconds: too few to say
// anything.
//
// It is as of measureEvery at most. When a node freezes, or its machine moves to another, a server stands still with work in its slots, and
// looks like one that got nothing done for half a minute, which would count for more than all that is remembered. Nothing but how late this
// is reckoned tells one from the other, and so one such stretch counts as one second of many. A server that is stopped over and over, or
// starved, has many of them.
func (s spending) since(before spending, cpus float64) (used, pictures float64) {
	share := min(1, measureEvery.Seconds()/s.at.Sub(before.at).Seconds())
	return share * s.paid(before, cpus), share * float64(s.pictures-before.pictures)
}

// paid is the CPU seconds since an earlier time; 0: too few. Where all slots had work all the time, it is all that the quota allows: a
// server that waits for cores which others use does not get what its quota allows, and can do as much less.
func (s spending) paid(before spending, cpus float64) float64 {
	elapsed, used := s.at.Sub(before.at).Seconds(), (s.cpu - before.cpu).Seconds()
	if occupied := (s.occupied - before.occupied).Seconds(); occupied >= fullShare*elapsed {
		return max(used, cpus*occupied)
	}
	if used < busyShare*cpus*elapsed {
		return 0
	}
	return used
}

// samplePicture is a JPEG of the size that photographs on the web have, with enough detail that decoding it costs what theirs does.
func samplePicture() ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, 500, 375))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			grain := uint8((x*31 + y*57 + x*y*7) % 64)
			img.SetRGBA(x, y, color.RGBA{R: uint8(x/2) + grain, G: uint8(y/2) + grain, B: uint8((x+y)/4) + grain, A: 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85})
	return b.Bytes(), err
}
