package main

import (
	"errors"
	"log/slog"

	"resnet-autoscaling/internal/jpeg"
	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/onnx"
)

// model is one that is ready to run.
type model struct {
	*onnx.Model
	session *onnx.Session
}

// load opens all models. Those that are open are also there beside an error.
func (f *flags) load(library string, log *slog.Logger) (all []model, err error) {
	for _, dir := range f.Model {
		m, err := onnx.LoadModel(dir, f.Precision)
		if err != nil {
			return all, err
		}
		size := m.Size()
		session, err := onnx.Open(library, m)
		if err != nil {
			return all, err
		}
		all = append(all, model{m, session})
		log.Info("model", "name", m.Spec.Name, "version", m.Spec.Version, "precision", m.Precision, "classes", len(m.Labels), "weights_mb", size>>20)
	}
	return all, nil
}

func closeAll(models []model) error {
	var errs []error
	for _, m := range models {
		errs = append(errs, m.session.Close())
	}
	return errors.Join(errs...)
}

func served(models []model) (list []modelserver.Model) {
	for _, m := range models {
		list = append(list, modelserver.Model{Spec: m.Spec, Labels: m.Labels, Precision: m.Precision})
	}
	return list
}

// openStations makes n places where a picture is prepared and run, by any of the models.
func openStations(models []model, turbo *jpeg.Library, n int) ([]modelserver.Station, error) {
	stations := make([]modelserver.Station, n)
	for i := range stations {
		for _, m := range models {
			slot, err := m.session.NewSlot()
			if err != nil {
				return nil, err
			}
			stations[i].Networks = append(stations[i].Networks, slot)
		}
		if turbo == nil {
			continue
		}
		decoder, err := turbo.NewDecoder()
		if err != nil {
			return nil, err
		}
		stations[i].JPEG = decoder
	}
	return stations, nil
}
