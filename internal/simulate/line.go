package simulate

// line holds slots in the order of when they are free, in a ring. What is put in is nearly always later than all else, since services take
// nearly equally long.
type line struct {
	ring []slot // a power of two long
	head int
	n    int
}

// slot is a place at a replica for one request at a time.
type slot struct {
	free  float64 // from when on
	quota *quota  // of the replica; nil: it works at an even pace
}

func (l *line) first() float64 { return l.ring[l.head].free }

func (l *line) take() slot {
	s := l.ring[l.head]
	l.head = (l.head + 1) & (len(l.ring) - 1)
	l.n--
	return s
}

func (l *line) put(s slot) {
	if l.n == len(l.ring) {
		l.grow()
	}
	mask := len(l.ring) - 1
	i := l.n
	for ; i > 0; i-- {
		before := l.ring[(l.head+i-1)&mask]
		if before.free <= s.free {
			break
		}
		l.ring[(l.head+i)&mask] = before
	}
	l.ring[(l.head+i)&mask] = s
	l.n++
}

func (l *line) grow() {
	ring := make([]slot, max(16, 2*len(l.ring)))
	for i := range l.n {
		ring[i] = l.ring[(l.head+i)&(len(l.ring)-1)]
	}
	l.ring, l.head = ring, 0
}

// copyFrom makes l hold what other does.
func (l *line) copyFrom(other *line) {
	if len(l.ring) != len(other.ring) {
		l.ring = make([]slot, len(other.ring))
	}
	copy(l.ring, other.ring)
	l.head, l.n = other.head, other.n
}
