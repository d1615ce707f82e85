package resnet

import (
	"math"
	"slices"

	"resnet-autoscaling/internal/picture"
)

// Resizer is the memory of TensorOfPixels, kept from picture to picture. One goroutine at a time uses it; its zero value is ready.
type Resizer struct {
	across, down taps
	lanes        []float32  // across' weights, for each of a pixel's four values
	firsts       []int32    // the first pixel that each of them is for
	rows         []float32  // the resized rows that the output row at hand needs, as pixels of four floats; row y at y mod down.n
	needed       []*float32 // those rows, in order
	turned       []float32  // one output row, before it is turned upright
}

// TensorOfPixels is Tensor for pixels as a fast decoder leaves them: one pass that resizes with antialias, crops, normalises and turns
// upright. It computes only what the crop shows, and rounds nothing on the way; Tensor rounds to eight bits twice.
func (in Input) TensorOfPixels(p *picture.Pixels, r *Resizer, dst []float32) {
	in.tensorOfPixels(p, r, dst, useSIMD)
}

func (in Input) tensorOfPixels(p *picture.Pixels, r *Resizer, dst []float32, simd bool) {
	width, height := in.resized(p.FullWidth, p.FullHeight)
	r.across.set(p.Width, width, in.Crop, p.Orientation.MirroredX())
	r.down.set(p.Height, height, in.Crop, p.Orientation.MirroredY())
	pairs := 0
	if simd = simd && in.Crop%8 == 0; simd { // the kernels write eight pixels at once
		pairs, simd = r.spread(p.Width)
	}
	rowLen := picture.BytesPerPixel * in.Crop
	r.rows = sized(r.rows, r.down.n*rowLen)
	r.turned = sized(r.turned, 3*in.Crop)
	norm := in.normalisation()

	next := 0 // the first row that has not been resized yet
	for y := range in.Crop {
		first, weights := r.down.of(y)
		for next = max(next, first); next < first+len(weights); next++ {
			row := p.Pix[next*p.Width*picture.BytesPerPixel : (next+1)*p.Width*picture.BytesPerPixel]
			if out := r.row(next, rowLen); simd {
				acrossSIMD(&out[0], &row[0], &r.firsts[0], &r.lanes[0], pairs, in.Crop)
			} else {
				r.across.apply(row, out)
			}
		}
		in.mix(p.Orientation, r, y, dst, &norm, simd)
	}
}

// spread prepares across' weights for the kernel, which takes pixels in pairs: as many pairs for each place, each weight four times, and
// none for a pixel beyond the row. It is not ok where the row is too short for that.
func (r *Resizer) spread(width int) (pairs int, ok bool) {
	pairs = (slices.Max(r.across.count) + 1) / 2
	if 2*pairs > width {
		return 0, false
	}
	r.firsts = sized(r.firsts, len(r.across.first))
	r.lanes = sized(r.lanes, len(r.across.first)*2*pairs*picture.BytesPerPixel)
	clear(r.lanes)
	for i := range r.across.first {
		first, weights := r.across.of(i)
		moved := min(first, width-2*pairs)
		r.firsts[i] = int32(moved)
		for k, w := range weights {
			at := (i*2*pairs + first - moved + k) * picture.BytesPerPixel
			for lane := range picture.BytesPerPixel {
				r.lanes[at+lane] = w
			}
		}
	}
	return pairs, true
}

func (r *Resizer) row(y, rowLen int) []float32 {
	at := y % r.down.n * rowLen
	return r.rows[at : at+rowLen]
}

// normalisation is the factors and the summands of red, green and blue that make levels the network's input.
func (in Input) normalisation() (n [6]float32) {
	for c := range 3 {
		n[c], n[3+c] = 1/(255*in.Std[c]), -in.Mean[c]/in.Std[c]
	}
	return n
}

// mix is one row of the output: the weighted sum of the rows it needs, normalised, in its place.
func (in Input) mix(o picture.Orientation, r *Resizer, y int, dst []float32, norm *[6]float32, simd bool) {
	crop, plane := in.Crop, in.Crop*in.Crop
	first, weights := r.down.of(y)
	var out [3][]float32
	for c := range out {
		if out[c] = dst[c*plane+y*crop : c*plane+(y+1)*crop]; o != picture.Upright {
			out[c] = r.turned[c*crop : (c+1)*crop]
		}
	}
	rowLen := picture.BytesPerPixel * crop
	if simd {
		r.needed = sized(r.needed, len(weights))
		for k := range weights {
			r.needed[k] = &r.row(first+k, rowLen)[0]
		}
		downSIMD(&out[0][0], &out[1][0], &out[2][0], &r.needed[0], &weights[0], len(weights), crop, norm)
	} else {
		for c := range out {
			startRow(out[c], norm[3+c])
			for k, w := range weights {
				addRow(out[c], r.row(first+k, rowLen)[c:], w*norm[c])
			}
		}
	}
	if o != picture.Upright {
		for c := range out {
			turn(o, out[c], y, dst[c*plane:(c+1)*plane])
		}
	}
}

func startRow(out []float32, value float32) {
	for i := range out {
		out[i] = value
	}
}

// addRow adds one colour of a row of pixels.
func addRow(out, row []float32, scale float32) {
	for i := range out {
		out[i] += row[i*picture.BytesPerPixel] * scale
	}
}

// turn writes a row of the picture as it is stored to where it belongs in the square that is upright.
func turn(o picture.Orientation, row []float32, y int, square []float32) {
	side := len(row)
	if o.MirroredY() {
		y = side - 1 - y
	}
	for x, v := range row {
		if o.MirroredX() {
			x = side - 1 - x
		}
		if o.Transposed() {
			square[x*side+y] = v
		} else {
			square[y*side+x] = v
		}
	}
}

// taps are, for each place of a crop of a resized line, the places of the original line that it is the weighted mean of: a triangle
// as wide as a place of the result, but no narrower than one of the original, as in Pillow's BILINEAR.
type taps struct {
	n       int // the most that one place needs
	first   []int
	count   []int
	weights []float32 // n for each place
}

// set computes the taps for a line of length from that is resized to length to, of which the middle crop is kept. mirrored says that
// the line runs backwards, so that what is left of the middle lies right.
func (t *taps) set(from, to, crop int, mirrored bool) {
	offset := center(to, crop)
	if mirrored {
		offset = to - crop - offset
	}
	scale := float64(from) / float64(to)
	reach := max(scale, 1)
	t.n = 2*int(math.Ceil(reach)) + 1
	t.first, t.count = sized(t.first, crop), sized(t.count, crop)
	t.weights = sized(t.weights, crop*t.n)
	for i := range crop {
		middle := (float64(offset+i) + 0.5) * scale
		first := max(0, int(middle-reach+0.5))
		end := min(from, int(middle+reach+0.5))
		weights, sum := t.weights[i*t.n:i*t.n+end-first], float32(0)
		for k := range weights {
			weights[k] = float32(max(0, 1-math.Abs(float64(first+k)+0.5-middle)/reach))
			sum += weights[k]
		}
		for k := range weights {
			weights[k] /= sum
		}
		t.first[i], t.count[i] = first, end-first
	}
}

func (t *taps) of(i int) (first int, weights []float32) {
	return t.first[i], t.weights[i*t.n : i*t.n+t.count[i]]
}

// apply resizes one row of pixels.
func (t *taps) apply(row []byte, out []float32) {
	for i := range t.first {
		first, weights := t.of(i)
		p := row[first*picture.BytesPerPixel:]
		var r, g, b float32
		for _, w := range weights {
			r += w * float32(p[0])
			g += w * float32(p[1])
			b += w * float32(p[2])
			p = p[picture.BytesPerPixel:]
		}
		o := out[i*picture.BytesPerPixel : (i+1)*picture.BytesPerPixel]
		o[0], o[1], o[2] = r, g, b
	}
}

// sized is a slice of length n, in the memory of s where that is enough. What it holds is of no meaning.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
