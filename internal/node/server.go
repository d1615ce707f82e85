package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/node/logfile"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newServer binds the node's port: what the API server (logs) and Prometheus (CPU per container) ask a kubelet for.
func (a *Agent) newServer() (*httpserve.Server, error) {
	containers := prometheus.NewRegistry()
	containers.MustRegister(&cadvisor{agent: a})
	return httpserve.New(httpserve.Options{
		Listen:   a.o.Listen,
		TLS:      a.tls(),
		Gatherer: newMetrics(a),
		Routes: func(r chi.Router) {
			r.NotFound(a.notFound)
			r.With(a.authorize("log")).Get("/containerLogs/{namespace}/{pod}/{container}", a.containerLogs)
			r.With(a.authorize("metrics")).Method(http.MethodGet, "/metrics/cadvisor", promhttp.HandlerFor(containers, promhttp.HandlerOpts{}))
		},
		RequestTimeout: callTimeout,
		DrainTimeout:   time.Second, // by then the containers have ended, and with them the logs that are followed
		Log:            a.o.Log.With("node", a.o.Name),
	})
}

// tls asks for a certificate only where one can be verified, and then only those who have none for a token.
func (a *Agent) tls() *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{a.o.TLS}, MinVersion: tls.VersionTLS12}
	if a.o.ClientCAs != nil {
		c.ClientCAs, c.ClientAuth = a.o.ClientCAs, tls.VerifyClientCertIfGiven
	}
	return c
}

func (a *Agent) notFound(w http.ResponseWriter, r *http.Request) {
	httpserve.WriteError(w, r, api.NewProblem(http.StatusNotFound, "not-found",
		"a node has nothing at %s: ask for /containerLogs/NAMESPACE/POD/CONTAINER, /metrics/cadvisor, /metrics or /healthz", r.URL.Path), a.o.Log)
}

// containerLogs answers as a kubelet does to the API server's pods/log.
func (a *Agent) containerLogs(w http.ResponseWriter, r *http.Request) {
	selection, err := logSelection(r)
	if err != nil {
		httpserve.WriteError(w, r, err, a.o.Log)
		return
	}
	c := a.container(chi.URLParam(r, "namespace"), chi.URLParam(r, "pod"), chi.URLParam(r, "container"))
	if c == nil {
		httpserve.WriteError(w, r, api.NewProblem(http.StatusNotFound, "no-container",
			"this node runs no container %s of a pod %s/%s", chi.URLParam(r, "container"), chi.URLParam(r, "namespace"), chi.URLParam(r, "pod")), a.o.Log)
		return
	}
	out := &flushing{w: w, control: http.NewResponseController(w)}
	if selection.Follow {
		// A log is followed as long as its container runs. Where the deadline cannot be lifted, the reader has to come again.
		_ = out.control.SetWriteDeadline(time.Time{})
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	err = c.output.Read(r.Context(), out, selection)
	switch {
	case errors.Is(err, logfile.ErrNoLog):
		httpserve.WriteError(w, r, noLog(c, selection), a.o.Log)
	case err != nil && !errors.Is(err, context.Canceled):
		a.o.Log.Debug("a log was not read to its end", "container", c.spec.Name, "error", err)
	}
}

func noLog(c *container, s logfile.Selection) error {
	if s.Previous {
		return api.NewProblem(http.StatusBadRequest, "no-log", "previous terminated container %q not found: it has not been restarted", c.spec.Name)
	}
	return api.NewProblem(http.StatusBadRequest, "no-log", "container %q is waiting to start and has written nothing yet", c.spec.Name)
}

// logSelection reads the parameters of a kubelet's /containerLogs.
func logSelection(r *http.Request) (logfile.Selection, error) {
	q := r.URL.Query()
	s := logfile.Selection{Tail: -1, Limit: -1}
	for name, into := range map[string]*bool{"follow": &s.Follow, "previous": &s.Previous} {
		if err := parameter(q.Get(name), name, "true or false", strconv.ParseBool, into); err != nil {
			return s, err
		}
	}
	count := func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil && n < 0 {
			err = strconv.ErrRange
		}
		return n, err
	}
	for name, into := range map[string]*int64{"tailLines": &s.Tail, "limitBytes": &s.Limit} {
		if err := parameter(q.Get(name), name, "a whole number, at least 0", count, into); err != nil {
			return s, err
		}
	}
	for _, name := range []string{"sinceSeconds", "sinceTime", "timestamps"} {
		if text := q.Get(name); text != "" && text != "false" {
			return s, api.NewProblem(http.StatusBadRequest, "bad-parameter", "%s is not served: this node keeps no time with each line; use tailLines", name)
		}
	}
	return s, nil
}

func parameter[T any](text, name, rule string, parse func(string) (T, error), into *T) error {
	if text == "" {
		return nil
	}
	value, err := parse(text)
	if err != nil {
		return api.NewProblem(http.StatusBadRequest, "bad-parameter", "%s is %q: it must be %s", name, text, rule)
	}
	*into = value
	return nil
}

// container finds a container that this node runs, or nil.
func (a *Agent) container(namespace, pod, name string) *container {
	for _, w := range a.all() {
		if w.pod.Namespace != namespace || w.pod.Name != pod {
			continue
		}
		for _, c := range w.containers {
			if c.spec.Name == name {
				return c
			}
		}
	}
	return nil
}

// flushing sends each piece of a log at once.
type flushing struct {
	w       io.Writer
	control *http.ResponseController
}

func (f *flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.control.Flush()
	}
	if err != nil {
		return n, fmt.Errorf("send log: %w", err)
	}
	return n, nil
}
