package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
)

// statusTimeout keeps a busy dispatcher's silence from stalling the time line.
const statusTimeout = 2 * time.Second

// ReadyFrom asks the dispatcher behind a /predict URL how many replicas are ready.
func ReadyFrom(client *http.Client, predict *url.URL) func(context.Context) (int, error) {
	at := predict.JoinPath("..", api.PathStatus)
	at.RawQuery = ""
	return func(ctx context.Context) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, statusTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("status %s: %s", at, resp.Status)
		}
		var status api.DispatcherStatus
		if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		return status.ReadyReplicas(), nil
	}
}
