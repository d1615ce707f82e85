package resnet

import (
	"math"

	"resnet-autoscaling/internal/picture"
)

// Resizer is the memory of TensorOfPixels, kept from picture to picture. One goroutine at a time uses it; its zero value is ready.
type Resizer struct {
	across, down taps
	rows         []float32 // the resized rows that the output row at hand needs, each red, green and blue; row y at y mod len
	turned       []float32 // one output row, before it is turned upright
}

// TensorOfPixels is Tensor for pixels as a fast decoder leaves them: one pass that resizes with antialias, crops, normalises and turns
// upright. It computes only what the crop shows, and rounds nothing on the way; Tensor rounds to eight bits twice.
func (in Input) TensorOfPixels(p *picture.Pixels, r *Resizer, dst []float32) {
	width, height := in.resized(p.FullWidth, p.FullHeight)
	r.across.set(p.Width, width, in.Crop, p.Orientation.MirroredX())
	r.down.set(p.Height, height, in.Crop, p.Orientation.MirroredY())
	rowLen := 3 * in.Crop
	r.rows = sized(r.rows, r.down.n*rowLen)
	r.turned = sized(r.turned, rowLen)

	next := 0 // the first row that has not been resized yet
	for y := range in.Crop {
		first, weights := r.down.of(y)
		for next = max(next, first); next < first+len(weights); next++ {
			row := p.Pix[next*p.Width*picture.BytesPerPixel : (next+1)*p.Width*picture.BytesPerPixel]
			r.across.apply(row, r.row(next, rowLen))
		}
		in.mix(p.Orientation, r, y, dst)
	}
}

func (r *Resizer) row(y, rowLen int) []float32 {
	at := y % r.down.n * rowLen
	return r.rows[at : at+rowLen]
}

// mix is one row of the output: the weighted sum of the rows it needs, normalised, in its place.
func (in Input) mix(o picture.Orientation, r *Resizer, y int, dst []float32) {
	crop, plane := in.Crop, in.Crop*in.Crop
	first, weights := r.down.of(y)
	for c := range 3 {
		out := dst[c*plane+y*crop : c*plane+(y+1)*crop]
		if o != picture.Upright {
			out = r.turned[:crop]
		}
		scale, shift := 1/(255*in.Std[c]), -in.Mean[c]/in.Std[c]
		for k, w := range weights {
			row := r.row(first+k, 3*crop)[c*crop : (c+1)*crop]
			if k == 0 {
				startRow(out, row, w*scale, shift)
			} else {
				addRow(out, row, w*scale)
			}
		}
		if o != picture.Upright {
			turn(o, out, y, dst[c*plane:(c+1)*plane])
		}
	}
}

func startRow(out, row []float32, scale, shift float32) {
	row = row[:len(out)]
	for i := range out {
		out[i] = row[i]*scale + shift
	}
}

func addRow(out, row []float32, scale float32) {
	row = row[:len(out)]
	for i := range out {
		out[i] += row[i] * scale
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

// apply resizes one row of pixels to planes of red, green and blue.
func (t *taps) apply(row []byte, out []float32) {
	crop := len(t.first)
	red, green, blue := out[:crop], out[crop:2*crop], out[2*crop:3*crop]
	for i := range red {
		first, weights := t.of(i)
		p := row[first*picture.BytesPerPixel:]
		var r, g, b float32
		for _, w := range weights {
			r += w * float32(p[0])
			g += w * float32(p[1])
			b += w * float32(p[2])
			p = p[picture.BytesPerPixel:]
		}
		red[i], green[i], blue[i] = r, g, b
	}
}

// sized is a slice of length n, in the memory of s where that is enough. What it holds is of no meaning.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
