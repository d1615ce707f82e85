package loadtest

import (
	"fmt"
	"net/http"
	"net/url"

	"resnet-autoscaling/internal/summary"
)

// enough answers that all find the same fault with the requests are no accident.
const enough = 10

// mistake watches for a test that cannot work: every answer so far refuses the requests themselves, for one reason.
type mistake struct {
	status   int // the one that all have had
	answers  int
	disputed bool // by an answer of another kind
}

// refusals are the statuses that say that no request of this kind will ever be answered, and what to do.
var refusals = map[int]string{
	http.StatusUnauthorized:     "say who you are, such as --header 'Authorization: Bearer KEY'",
	http.StatusForbidden:        "say who you are, such as --header 'Authorization: Bearer KEY'",
	http.StatusNotFound:         "check the path of --url (pictures go to /predict), or --model with --protocol v2",
	http.StatusMethodNotAllowed: "check the path of --url: pictures are sent by POST to /predict",
}

func (m *mistake) add(o summary.Outcome) {
	if o.Kind == summary.Canceled || m.disputed || m.answers > enough {
		return
	}
	if refusals[o.Status] == "" || m.answers > 0 && m.status != o.Status {
		m.disputed = true
		return
	}
	m.status = o.Status
	m.answers++
}

func (m *mistake) sure() bool { return !m.disputed && m.answers >= enough }

// err says so of a test that is over.
func (m *mistake) err(at *url.URL) error {
	if m.disputed || m.answers == 0 {
		return nil
	}
	return fmt.Errorf("%s answers every request with %d %s: %s", at.Redacted(), m.status, http.StatusText(m.status), refusals[m.status])
}
