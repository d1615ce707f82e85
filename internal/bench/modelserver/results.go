package main

import (
	"context"
	"slices"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
)

// results are all that was measured in a run.
type results struct {
	w        workplace
	date     time.Time
	machine  string
	command  string
	cores    machine.Cores
	rounds   int
	seconds  float64
	folder   string // of the photos
	photos   int
	bytes    int // of a photo, on average
	rows     []*row
	bare     []*bareRow
	versions map[string][]string // by peer
}

// row is a contender with its samples, one a round; or the reason why it is not quoted.
type row struct {
	contender
	samples []sample
	reason  string
}

// bareRow is a precision without a server.
type bareRow struct {
	precision string
	samples   []bareCost
	reason    string
}

func (r *results) setPhotos(folder string, photos []photo) {
	r.folder, r.photos = folder, len(photos)
	for _, p := range photos {
		r.bytes += len(p.data) / len(photos)
	}
}

// install makes the environments of all rows; those of peers that cannot be had get the reason.
func (r *results) install(ctx context.Context, i installer) {
	r.versions = map[string][]string{}
	failed := map[string]string{}
	peers := []string{barePeer}
	for _, row := range r.rows {
		if !row.ours() && row.reason == "" && !slices.Contains(peers, row.peer) {
			peers = append(peers, row.peer)
		}
	}
	for _, peer := range peers {
		versions, err := i.install(ctx, peer)
		if err == nil && peer == original {
			err = i.weights(ctx)
		}
		if err != nil {
			failed[peer] = "cannot be installed: " + err.Error()
			continue
		}
		r.versions[peer] = versions
	}
	for _, row := range r.rows {
		if row.reason == "" {
			row.reason = failed[row.peer]
		}
	}
	for _, precision := range []string{fp32Precision, int8Precision} {
		if r.w.has(precision) {
			r.bare = append(r.bare, &bareRow{precision: precision, reason: failed[barePeer]})
		}
	}
}

// quoted tells whether the row has figures.
func (r *row) quoted() bool { return r.reason == "" && len(r.samples) > 0 }

// best is the number of connections, as an index, at which the server did most: what it can do at saturation.
func (r *row) best() int {
	most := 0
	for i := range connections {
		if figures.Median(r.each(i, measured.rate)) > figures.Median(r.each(most, measured.rate)) {
			most = i
		}
	}
	return most
}

// each is a figure of every round, at one number of connections.
func (r *row) each(load int, figure func(measured) float64) []float64 {
	var all []float64
	for _, s := range r.samples {
		all = append(all, figure(s.loads[load]))
	}
	return all
}

// rates are the pictures per second at saturation, a round each.
func (r *row) rates() []float64 { return r.each(r.best(), measured.rate) }

// cpus are the milliseconds of CPU time that a picture took at saturation, a round each.
func (r *row) cpus() []float64 {
	return r.each(r.best(), func(m measured) float64 { return figures.Milliseconds(m.perPicture()) })
}

func (r *row) latency(share float64) float64 {
	return figures.Median(r.each(0, func(m measured) float64 { return figures.Milliseconds(m.quantile(share)) }))
}

func (r *row) memory() float64 {
	var all []float64
	for _, s := range r.samples {
		all = append(all, float64(s.memory)/1e6)
	}
	return figures.Median(all)
}

func (r *row) started() float64 {
	var all []float64
	for _, s := range r.samples {
		all = append(all, s.started.Seconds())
	}
	return figures.Median(all)
}

// against is how many times as much a row did as another, from the same rounds.
func (r *row) against(other *row) float64 {
	return figures.Median(figures.Ratios(r.rates(), other.rates()))
}

// cheaper is how many times as much CPU time a picture takes in another row, from the same rounds.
func (r *row) cheaper(other *row) float64 {
	return figures.Median(figures.Ratios(other.cpus(), r.cpus()))
}

// find is the quoted row of a name.
func (r *results) find(name string) *row {
	for _, row := range r.rows {
		if row.name == name && row.quoted() {
			return row
		}
	}
	return nil
}

// bestPeer is the quoted peer that did most, of one precision or of any; nil where there is none. The original is no peer: it is what
// all are compared with.
func (r *results) bestPeer(precision string) *row {
	var best *row
	for _, row := range r.rows {
		if !row.quoted() || row.ours() || row.peer == original || (precision != "" && row.precision != precision) {
			continue
		}
		if best == nil || figures.Median(row.rates()) > figures.Median(best.rates()) {
			best = row
		}
	}
	return best
}

// disturbed is the share of the servers' core that others took: in the median measurement and in the worst.
func (r *results) disturbed() (middle, most float64) {
	var all []float64
	for _, row := range r.rows {
		for i := range connections {
			all = append(all, row.each(i, func(m measured) float64 { return m.foreign })...)
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	return figures.Median(all), slices.Max(all)
}
