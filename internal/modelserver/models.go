package modelserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/oip"
)

// model is one that is served, and what is known of it.
type model struct {
	Model
	at            int       // among the models, and so among the networks of a station
	protocol      oip.Model // as the Open Inference Protocol speaks of it
	versions      []string  // that there are here of its name
	inferenceTime inferenceTime

	mu    sync.Mutex
	tally oip.Tally
}

// takeModels checks that every station can run every model, and that each can be told from the others.
func takeModels(o Options) (models []*model, err error) {
	for at, m := range o.Models {
		same := func(other *model) bool { return other.Spec.Name == m.Spec.Name && other.Spec.Version == m.Spec.Version }
		if slices.ContainsFunc(models, same) {
			return nil, command.Check(false, "--model", m.Spec.Name+" version "+m.Spec.Version, "must be there once only: give it another name or version in its model.json")
		}
		models = append(models, &model{Model: m, at: at, protocol: inProtocol(m, o.MaxBatch)})
	}
	for _, m := range models {
		for _, other := range models {
			if other.Spec.Name == m.Spec.Name {
				m.versions = append(m.versions, other.Spec.Version)
			}
		}
	}
	for _, s := range o.Stations {
		if len(s.Networks) != len(models) {
			return nil, fmt.Errorf("model server: %d models and a station with %d networks", len(models), len(s.Networks))
		}
	}
	if len(models) == 0 || o.Slots < 1 || len(o.Stations) < o.Slots {
		return nil, fmt.Errorf("model server: %d models, %d slots and %d stations", len(models), o.Slots, len(o.Stations))
	}
	return models, nil
}

func inProtocol(m Model, maxBatch int) oip.Model {
	p := oip.Model{
		Name: m.Spec.Name, Version: m.Spec.Version, Input: m.Spec.Input.Name, Side: m.Spec.Input.Crop, Output: m.Spec.Output.Name, MaxBatch: maxBatch,
	}
	for _, l := range m.Labels {
		p.Labels = append(p.Labels, l.Name)
	}
	return p
}

// find is the model of a name and a version; of those of a name it is the first where no version is asked for.
func (s *Service) find(name, version string) (*model, error) {
	var here []string
	for _, m := range s.models {
		if m.Spec.Name == name && (version == "" || m.Spec.Version == version) {
			return m, nil
		}
		here = append(here, m.Spec.Name+" version "+m.Spec.Version)
	}
	if version != "" {
		name += " version " + version
	}
	return nil, api.NewProblem(http.StatusNotFound, "unknown-model", "there is no model %s here, only %s", name, strings.Join(here, " and "))
}

// served tells others which models are here.
func (s *Service) served() string {
	var list api.Models
	for _, m := range s.models {
		list = append(list, api.ModelVersion{Name: m.Spec.Name, Version: m.Spec.Version})
	}
	return list.String()
}
