package modelserver

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/oip"

	"github.com/go-chi/chi/v5"
)

// protocol is the Open Inference Protocol of a service, everything under /v2.
type protocol struct {
	*Service
	model oip.Model

	mu    sync.Mutex
	tally oip.Tally
}

// mountV2 adds the routes of the Open Inference Protocol.
func (s *Service) mountV2(r chi.Router) {
	p := &protocol{Service: s, model: oip.Model{
		Name: s.o.Spec.Name, Version: s.o.Spec.Version, Input: s.o.Spec.Input.Name, Side: s.o.Spec.Input.Crop,
		Output: s.o.Spec.Output.Name, MaxBatch: s.o.MaxBatch,
	}}
	for _, l := range s.o.Labels {
		p.model.Labels = append(p.model.Labels, l.Name)
	}
	r.Route(api.PathV2, p.routes)
}

func (p *protocol) routes(r chi.Router) {
	r.NotFound(p.notFound)
	r.MethodNotAllowed(httpserve.MethodNotAllowed(r))
	r.Get("/", p.server)
	r.Get("/health/live", p.live)
	r.Get("/health/ready", p.serverReady)
	r.Get("/models/stats", p.stats)
	for _, model := range []string{"/models/{name}", "/models/{name}/versions/{version}"} {
		r.Get(model, p.ofModel(p.metadata))
		r.Get(model+"/ready", p.ofModel(p.modelReady))
		r.Get(model+"/config", p.ofModel(p.config))
		r.Get(model+"/stats", p.ofModel(p.stats))
		r.Post(model+"/infer", p.postInfer) // it counts also what names no model
	}
}

// ofModel lets a request through that names the model which is here.
func (p *protocol) ofModel(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := p.checkModel(r); err != nil {
			httpserve.WriteError(w, r, err, p.o.Log)
			return
		}
		next(w, r)
	}
}

func (p *protocol) checkModel(r *http.Request) error {
	// The router passes on what the caller escaped as it is.
	name, nameErr := url.PathUnescape(chi.URLParam(r, "name"))
	version, versionErr := url.PathUnescape(chi.URLParam(r, "version"))
	if nameErr != nil || versionErr != nil || name != p.model.Name || version != "" && version != p.model.Version {
		if version != "" {
			name += " version " + version
		}
		return api.NewProblem(http.StatusNotFound, "unknown-model", "there is no model %s here, only %s version %s", name, p.model.Name, p.model.Version)
	}
	return nil
}

func (p *protocol) server(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, oip.Server{Name: "resnet-autoscaling model-server", Version: command.Version(), Extensions: oip.Extensions})
}

func (p *protocol) live(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, oip.Live{Live: true})
}

func (p *protocol) serverReady(w http.ResponseWriter, _ *http.Request) { p.writeReadiness(w, "") }
func (p *protocol) modelReady(w http.ResponseWriter, _ *http.Request) {
	p.writeReadiness(w, p.model.Name)
}

func (p *protocol) writeReadiness(w http.ResponseWriter, name string) {
	if err := p.Service.server.Ready(); err != nil {
		httpserve.WriteJSON(w, http.StatusServiceUnavailable, oip.Ready{Name: name, Error: err.Error()})
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, oip.Ready{Name: name, Ready: true})
}

func (p *protocol) metadata(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, p.model.Metadata())
}

func (p *protocol) config(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, p.model.Config(p.o.Slots, p.o.Spec.Labels))
}

func (p *protocol) stats(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	s := p.tally.Statistics(p.model.Name, p.model.Version)
	p.mu.Unlock()
	httpserve.WriteJSON(w, http.StatusOK, struct {
		Models []oip.Statistics `json:"model_stats"`
	}{[]oip.Statistics{s}})
}

// elsewhere are the paths of Triton's extensions of the protocol that are not spoken here.
var elsewhere = regexp.MustCompile(
	`^/v2/((repository|systemsharedmemory|cudasharedmemory|trace|logging)|models/[^/]+(/versions/[^/]+)?/(generate|generate_stream|trace))(/|$)`)

func (p *protocol) notFound(w http.ResponseWriter, r *http.Request) {
	if elsewhere.MatchString(r.URL.Path) {
		httpserve.WriteError(w, r, api.NewProblem(http.StatusNotImplemented, "unsupported",
			"%s belongs to an extension that is not supported; supported are %s", r.URL.Path, strings.Join(oip.Extensions, ", ")), p.o.Log)
		return
	}
	httpserve.WriteError(w, r, api.NewProblem(http.StatusNotFound, "not-found", "there is nothing at %s; inference is POST /v2/models/%s/infer",
		r.URL.Path, p.model.Name), p.o.Log)
}
