package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/summary"
)

// Demo is a load that makes the system grow and shrink, and what has to hold while it does.
type Demo struct {
	Loadtest string // binary
	Images   string
	Report   string // HTML, in a folder that is there
	SLO      summary.SLO
	Out      io.Writer
}

// profile is the load in multiples of what one replica can do: half of it, up to four times it, and back, over three minutes. It
// doubles in equal times, as the load of a service that gets known does: a policy that looks at the last seconds can follow a growth
// that is steady for its size, and none has replicas for a step that it could not foresee.
func profile(capacity float64) string {
	at := func(multiple float64) string { return fmt.Sprintf("%.2f", multiple*capacity) }
	return fmt.Sprintf("constant:%s/10s ramp:%[1]s..%[2]s/35s ramp:%[2]s..%[3]s/35s ramp:%[3]s..%[4]s/35s constant:%[4]s/15s ramp:%[4]s..%[1]s/15s constant:%[1]s/35s",
		at(0.5), at(1), at(2), at(4))
}

// Demo drives the system that is up and judges it. The error says what did not hold.
func (s *Service) Demo(ctx context.Context, d Demo) error {
	if err := s.awaitReplica(ctx); err != nil {
		return err
	}
	capacity, err := s.throughput(ctx, d.Images)
	if err != nil {
		return err
	}
	load := profile(capacity)
	fmt.Fprintf(d.Out, "One replica with %.2g CPU does %.1f of the sample pictures per second.\nThe load goes from half of that to four times it, and back:\n  %s\n\n", s.o.CPU, capacity, load)

	result, err := s.drive(ctx, d, load)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "\nReplicas, every 10 s:  %s\nReport:                %s\n", timeline(result.Replicas), d.Report)
	return judge(result)
}

// awaitReplica waits until the dispatcher has a replica.
func (s *Service) awaitReplica(ctx context.Context) error {
	for tries := 0; ; tries++ {
		status, err := s.status(ctx)
		if err == nil && status.ReadyReplicas() > 0 {
			return nil
		}
		if tries == 100 {
			return fmt.Errorf("wait for a replica: %w", errors.Join(err, errors.New("the dispatcher knows none that is ready")))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// throughput is how many of the sample pictures a replica answers per second, sent one after the other: its CPU quota makes that what it
// can do. What it measured of itself is for photographs in JPEG; the samples are of all formats, and dearer.
func (s *Service) throughput(ctx context.Context, dir string) (float64, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	sent, begin := 0, time.Now()
	for _, f := range files {
		if !picture.HasName(f.Name()) {
			continue
		}
		if err := s.predict(ctx, filepath.Join(dir, f.Name())); err != nil {
			return 0, fmt.Errorf("measure a replica with %s: %w", f.Name(), err)
		}
		sent++
	}
	if sent == 0 {
		return 0, fmt.Errorf("measure a replica: no pictures in %s", dir)
	}
	return float64(sent) / time.Since(begin).Seconds(), nil
}

func (s *Service) predict(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL(s.o.DispatcherListen)+api.PathPredict, bytes.NewReader(data))
	if err != nil {
		return err
	}
	answer, err := s.probe.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (s *Service) status(ctx context.Context) (api.DispatcherStatus, error) {
	var status api.DispatcherStatus
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, httpURL(s.o.DispatcherListen)+api.PathStatus, nil)
	if err != nil {
		return status, err
	}
	answer, err := s.probe.Do(request)
	if err != nil {
		return status, err
	}
	defer answer.Body.Close()
	return status, json.NewDecoder(answer.Body).Decode(&status)
}

// drive runs the load tester and reads its result. That it missed an SLO is in the result.
func (s *Service) drive(ctx context.Context, d Demo, load string) (summary.Result, error) {
	var result summary.Result
	output := filepath.Join(filepath.Dir(s.files.logs), "demo.json")
	if err := os.RemoveAll(output); err != nil {
		return result, err
	}
	p, err := s.o.Start(Program{
		Name: "loadtest", Path: d.Loadtest, Env: s.o.Env, Output: d.Out,
		Args: []string{
			"--url=" + httpURL(s.o.DispatcherListen) + api.PathPredict, "--images=" + d.Images, "--profile=" + load, "--slo=" + d.SLO.String(),
			"--json=" + output, "--report=" + d.Report, "--kubeconfig=" + s.files.kubeconfig, "--log-level=warn",
		},
	})
	if err != nil {
		return result, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		stop(p)
		return result, context.Cause(ctx)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		code, signal := p.Exit()
		return result, fmt.Errorf("the load test ended without a result (code %d, %v)", code, signal)
	}
	return result, json.Unmarshal(text, &result)
}

// timeline is the number of ready replicas at every tenth second.
func timeline(replicas []summary.Replicas) string {
	var b strings.Builder
	next := 0
	for _, r := range replicas {
		if r.Second >= next {
			fmt.Fprintf(&b, "%d ", r.Ready)
			next = r.Second - r.Second%10 + 10
		}
	}
	return b.String()
}

// judge says what the demo promises and the result does not keep.
func judge(r summary.Result) error {
	var faults []string
	if lost := r.Requests - r.OK; lost > 0 || r.Requests == 0 {
		faults = append(faults, fmt.Sprintf("%d of %d requests were lost: %v", lost, r.Requests, r.Errors))
	}
	if !r.Kept() {
		faults = append(faults, "the SLO was missed")
	}
	if len(r.Replicas) == 0 {
		return errors.New("nobody could say how many replicas there were")
	}
	first, peak, last := r.Replicas[0].Ready, 0, r.Replicas[len(r.Replicas)-1].Ready
	for _, at := range r.Replicas {
		peak = max(peak, at.Ready)
	}
	if peak <= first {
		faults = append(faults, fmt.Sprintf("it never scaled up from %d", first))
	}
	if last >= peak {
		faults = append(faults, fmt.Sprintf("it did not scale down from %d", peak))
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}
