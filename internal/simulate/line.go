package simulate

// line holds times in order, in a ring. What is put in is nearly always later than all else, since services take nearly equally long.
type line struct {
	ring []float64 // a power of two long
	head int
	n    int
}

func (l *line) first() float64 { return l.ring[l.head] }

func (l *line) take() float64 {
	t := l.ring[l.head]
	l.head = (l.head + 1) & (len(l.ring) - 1)
	l.n--
	return t
}

func (l *line) put(t float64) {
	if l.n == len(l.ring) {
		l.grow()
	}
	mask := len(l.ring) - 1
	i := l.n
	for ; i > 0; i-- {
		before := l.ring[(l.head+i-1)&mask]
		if before <= t {
			break
		}
		l.ring[(l.head+i)&mask] = before
	}
	l.ring[(l.head+i)&mask] = t
	l.n++
}

func (l *line) grow() {
	ring := make([]float64, max(16, 2*len(l.ring)))
	for i := range l.n {
		ring[i] = l.ring[(l.head+i)&(len(l.ring)-1)]
	}
	l.ring, l.head = ring, 0
}

// copyFrom makes l hold what other does.
func (l *line) copyFrom(other *line) {
	if len(l.ring) != len(other.ring) {
		l.ring = make([]float64, len(other.ring))
	}
	copy(l.ring, other.ring)
	l.head, l.n = other.head, other.n
}
