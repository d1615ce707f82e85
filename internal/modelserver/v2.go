package modelserver

import (
	"net/http"
	"regexp"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/oip"

	"github.com/go-chi/chi/v5"
)

// protocol is the Open Inference Protocol of a service, everything under /v2.
type protocol struct{ *Service }

// mountV2 adds the routes of the Open Inference Protocol.
func (s *Service) mountV2(r chi.Router) { r.Route(api.PathV2, protocol{s}.routes) }

func (p protocol) routes(r chi.Router) {
	r.NotFound(p.notFound)
	r.MethodNotAllowed(httpserve.MethodNotAllowed(r))
	r.Get("/", p.server)
	r.Get("/health/live", p.live)
	r.Get("/health/ready", p.serverReady)
	r.Get("/models/stats", func(w http.ResponseWriter, _ *http.Request) { writeStats(w, p.models...) })
	for _, path := range []string{"/models/{name}", "/models/{name}/versions/{version}"} {
		r.Get(path, p.ofModel(p.metadata))
		r.Get(path+"/ready", p.ofModel(p.modelReady))
		r.Get(path+"/config", p.ofModel(p.config))
		r.Get(path+"/stats", p.ofModel(func(w http.ResponseWriter, _ *http.Request, m *model) { writeStats(w, m) }))
		r.Post(path+"/infer", p.postInfer) // it counts also what names no model that is here
	}
}

// ofModel lets a request through that names a model which is here.
func (p protocol) ofModel(next func(http.ResponseWriter, *http.Request, *model)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := p.named(r)
		if err != nil {
			httpserve.WriteError(w, r, err, p.o.Log)
			return
		}
		next(w, r, m)
	}
}

// named is the model that a request names.
func (p protocol) named(r *http.Request) (*model, error) {
	return p.find(httpserve.Parameter(r, "name"), httpserve.Parameter(r, "version"))
}

func (p protocol) server(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, oip.Server{Name: "resnet-autoscaling model-server", Version: command.Version(), Extensions: oip.Extensions})
}

func (p protocol) live(w http.ResponseWriter, _ *http.Request) {
	httpserve.WriteJSON(w, http.StatusOK, oip.Live{Live: true})
}

func (p protocol) serverReady(w http.ResponseWriter, _ *http.Request) { p.writeReadiness(w, "") }
func (p protocol) modelReady(w http.ResponseWriter, _ *http.Request, m *model) {
	p.writeReadiness(w, m.Spec.Name)
}

func (p protocol) writeReadiness(w http.ResponseWriter, name string) {
	if err := p.Service.server.Ready(); err != nil {
		httpserve.WriteJSON(w, http.StatusServiceUnavailable, oip.Ready{Name: name, Error: err.Error()})
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, oip.Ready{Name: name, Ready: true})
}

func (p protocol) metadata(w http.ResponseWriter, _ *http.Request, m *model) {
	metadata := m.protocol.Metadata()
	metadata.Versions = m.versions
	httpserve.WriteJSON(w, http.StatusOK, metadata)
}

func (p protocol) config(w http.ResponseWriter, _ *http.Request, m *model) {
	httpserve.WriteJSON(w, http.StatusOK, m.protocol.Config(p.o.Slots, m.Spec.Labels))
}

func writeStats(w http.ResponseWriter, of ...*model) {
	all := make([]oip.Statistics, len(of))
	for i, m := range of {
		m.mu.Lock()
		all[i] = m.tally.Statistics(m.Spec.Name, m.Spec.Version)
		m.mu.Unlock()
	}
	httpserve.WriteJSON(w, http.StatusOK, struct {
		Models []oip.Statistics `json:"model_stats"`
	}{all})
}

// elsewhere are the paths of Triton's extensions of the protocol that are not spoken here.
var elsewhere = regexp.MustCompile(
	`^/v2/((repository|systemsharedmemory|cudasharedmemory|trace|logging)|models/[^/]+(/versions/[^/]+)?/(generate|generate_stream|trace))(/|$)`)

func (p protocol) notFound(w http.ResponseWriter, r *http.Request) {
	if elsewhere.MatchString(r.URL.Path) {
		httpserve.WriteError(w, r, api.NewProblem(http.StatusNotImplemented, "unsupported",
			"%s belongs to an extension that is not supported; supported are %s", r.URL.Path, strings.Join(oip.Extensions, ", ")), p.o.Log)
		return
	}
	httpserve.WriteError(w, r, api.NewProblem(http.StatusNotFound, "not-found", "there is nothing at %s; inference is POST /v2/models/%s/infer",
		r.URL.Path, p.models[0].Spec.Name), p.o.Log)
}
