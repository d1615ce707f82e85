package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an error as its caller reads it: RFC 9457, application/problem+json. It is also a Go error, so that the code
// that finds the fault decides the status and the words, and one handler writes them.
type Problem struct {
	// Type is a URN that names the kind of problem; clients branch on it. It never changes for a kind.
	Type string `json:"type"`
	// Title is the kind in words.
	Title string `json:"title"`
	// Status is the HTTP status of the answer.
	Status int `json:"status"`
	// Detail says what was wrong with this request, where, and what to do.
	Detail string `json:"detail"`
	// Instance names this occurrence: the id that the log has too.
	Instance string `json:"instance,omitempty"`

	// RetryAfter, when positive, becomes the Retry-After header, rounded up to whole seconds.
	RetryAfter time.Duration `json:"-"`
	// Allow, when set, becomes the Allow header of a 405.
	Allow []string `json:"-"`
	// Challenge, when set, becomes the WWW-Authenticate header of a 401.
	Challenge string `json:"-"`
}

// ProblemContentType is the media type of every error answer outside /v2.
const ProblemContentType = "application/problem+json"

const problemURN = "urn:resnet-autoscaling:problem:"

// NewProblem makes a Problem of a kind, a slug such as "queue-full", with a detail in the caller's words.
func NewProblem(status int, kind, format string, args ...any) *Problem {
	title := strings.ReplaceAll(kind, "-", " ")
	return &Problem{
		Type:   problemURN + kind,
		Title:  strings.ToUpper(title[:1]) + title[1:],
		Status: status,
		Detail: fmt.Sprintf(format, args...),
	}
}

// Kind is the slug that NewProblem was given.
func (p *Problem) Kind() string { return strings.TrimPrefix(p.Type, problemURN) }

// Error makes a Problem an error: its status and detail.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Kind(), p.Detail) }

// Write sends p as the answer. The request id becomes its instance.
func (p *Problem) Write(w http.ResponseWriter, requestID string) {
	body := *p
	if requestID != "" {
		body.Instance = "urn:request:" + requestID
	}
	w.Header().Set("Content-Type", ProblemContentType)
	p.write(w, body)
}

// WriteV2 sends p as the answer in the shape that errors have in the Open Inference Protocol.
func (p *Problem) WriteV2(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	p.write(w, struct {
		Error string `json:"error"`
	}{p.Detail})
}

func (p *Problem) write(w http.ResponseWriter, body any) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if len(p.Allow) > 0 {
		h.Set("Allow", strings.Join(p.Allow, ", "))
	}
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	w.WriteHeader(p.Status)
	// The status is out: a caller that does not take the body has nothing left to be told.
	_ = json.NewEncoder(w).Encode(body)
}
