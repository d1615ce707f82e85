package prom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// Client asks one Prometheus. It may be used from any goroutine.
//
// It decodes answers itself: client_golang's API takes five times as long, which at a thousand pods is a good part of a tick.
type Client struct {
	endpoint *url.URL
	http     *http.Client
	timeout  time.Duration
}

// New is a client for the Prometheus at base. timeout bounds each query, on both sides.
func New(base *url.URL, client *http.Client, timeout time.Duration) *Client {
	return &Client{endpoint: base.JoinPath("api/v1"), http: client, timeout: timeout}
}

// answer is what /api/v1/query says, as in https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries.
type answer struct {
	Status string
	Error  string
	Data   struct {
		ResultType string
		Result     json.RawMessage
	}
}

// series is one element of an answer: an instant vector has one Value of each, a matrix Values.
type series struct {
	Metric struct{ Pod string }
	Value  point
	Values []point
}

// point is [seconds, "value"].
type point struct {
	at    time.Time
	value float64
}

// UnmarshalJSON reads the pair.
func (p *point) UnmarshalJSON(text []byte) error {
	var seconds float64
	var value string
	pair := []any{&seconds, &value}
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a sample of %d elements: %s", len(pair), text)
	}
	whole, part := math.Modf(seconds)
	p.at = time.Unix(int64(whole), int64(part*1e9))
	var err error
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// What answers are.
const (
	vector = "vector"
	matrix = "matrix"
)

// instant runs an instant query. No time is sent: the answer is of now, by Prometheus' clock, which may differ from ours.
func (c *Client) instant(ctx context.Context, query, kind string) ([]series, error) {
	all, err := c.ask(ctx, "query", url.Values{"query": {query}}, kind)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: %s", scaling.ErrNoData, query)
	}
	return all, err
}

// ask runs a query by one of the API's ways. The error wraps scaling.ErrFailed, or scaling.ErrInvalid where the answer is of another kind.
func (c *Client) ask(ctx context.Context, way string, parameters url.Values, kind string) ([]series, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	query := parameters.Get("query")
	parameters.Set("timeout", c.timeout.String())
	a, err := c.get(ctx, way, parameters)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", scaling.ErrFailed, query, err)
	}
	if a.Data.ResultType != kind {
		return nil, invalid(query, "the answer is a %s, not a %s", a.Data.ResultType, kind)
	}
	var all []series
	if err := json.Unmarshal(a.Data.Result, &all); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", scaling.ErrFailed, query, err)
	}
	return all, nil
}

// invalid is an answer that cannot be right.
func invalid(query, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", scaling.ErrInvalid, query, fmt.Sprintf(format, args...))
}

// get asks one of the API's ways.
func (c *Client) get(ctx context.Context, way string, parameters url.Values) (answer, error) {
	u := c.endpoint.JoinPath(way)
	u.RawQuery = parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) { // it would repeat the query, encoded
			err = fmt.Errorf("%s: %w", c.endpoint.JoinPath(way).Redacted(), e.Err)
		}
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	var a answer
	switch err := json.Unmarshal(text, &a); {
	case err == nil && a.Status == "error":
		return answer{}, errors.New(a.Error)
	case err != nil || a.Status != "success" || response.StatusCode != http.StatusOK:
		return answer{}, fmt.Errorf("%s: %.200s", response.Status, text)
	}
	return a, nil
}
