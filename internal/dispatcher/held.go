package dispatcher

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"resnet-autoscaling/internal/httpbody"
	"resnet-autoscaling/internal/httpserve"
)

// greedy is how many times what is free a client may hold of the bytes: the last ones are for those who hold none.
const greedy = 8

// hold reserves memory for a client's body.
func (q *queue) hold(client string, bytes int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	free := q.maxBytes - q.held
	if bytes > free || q.heldBy[client] > greedy*free {
		return errHeldBytes
	}
	q.held += bytes
	q.heldBy[client] += bytes
	return nil
}

// unhold gives back what hold reserved, or a part of it.
func (q *queue) unhold(client string, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= bytes
	if q.heldBy[client] -= bytes; q.heldBy[client] <= 0 {
		delete(q.heldBy, client)
	}
}

// unproven is how much is reserved for a body before that much of it is here: else callers that promise much and send nothing would
// take the memory from all others.
const unproven = 16 << 10

// readBody holds a request's whole body, so that it can be sent again; what all of them may hold is bounded.
func (s *Service) readBody(w http.ResponseWriter, r *http.Request, client string) (body *held, err error) {
	size := r.ContentLength
	if size < 0 || size > s.o.MaxBody {
		size = s.o.MaxBody
	}
	in := &reserving{ReadCloser: r.Body, queue: s.queue, client: client, reserved: min(size, unproven), size: size}
	if err := s.queue.hold(client, in.reserved); err != nil {
		httpserve.ReadOn(w, r)
		return nil, err
	}
	r.Body = in
	memory := memories.Get().(*[]byte)
	bytes, err := httpserve.ReadBodyInto(w, r, *memory, s.o.MaxBody)
	if err != nil {
		s.queue.unhold(client, in.reserved)
		memories.Put(memory)
		if in.refused {
			httpserve.ReadOn(w, r)
			return nil, errHeldBytes
		}
		return nil, err
	}
	if spare := in.reserved - int64(len(bytes)); spare > 0 {
		s.queue.unhold(client, spare)
	}
	*memory = bytes
	body = &held{memory: memory, free: func() { s.queue.unhold(client, int64(len(bytes))) }}
	body.users.Store(1)
	return body, nil
}

// reserving reserves memory for all of a body once a first part of it is here.
type reserving struct {
	io.ReadCloser
	queue          *queue
	client         string
	read           int64
	reserved, size int64
	refused        bool
}

func (b *reserving) Read(p []byte) (int, error) {
	if b.read == b.reserved && b.reserved < b.size {
		if b.queue.hold(b.client, b.size-b.reserved) != nil {
			b.refused = true
			return 0, errHeldBytes
		}
		b.reserved = b.size
	}
	if b.reserved < b.size {
		p = p[:min(int64(len(p)), b.reserved-b.read)]
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

// memories are bodies' memory, used again.
var memories = sync.Pool{New: func() any { return new([]byte) }}

// mostKept bounds the memory that is kept for the next body.
const mostKept = 1 << 20

// held is a body in memory. A transport may read one that it was given even after its answer, until it closes it: so each reader, and the
// request itself, is a user, and the last one gives the memory back.
type held struct {
	memory *[]byte
	users  atomic.Int32
	free   func()
}

func (h *held) release() {
	if h.users.Add(-1) > 0 {
		return
	}
	h.free()
	if cap(*h.memory) <= mostKept {
		memories.Put(h.memory)
	}
}

// reader reads it from the start.
func (h *held) reader() io.ReadCloser {
	h.users.Add(1)
	return &heldReader{Body: httpbody.New(*h.memory), held: h}
}

type heldReader struct {
	*httpbody.Body
	held   *held
	closed atomic.Bool
}

// Close may be called more than once, as transports do.
func (r *heldReader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.held.release()
	}
	return nil
}
