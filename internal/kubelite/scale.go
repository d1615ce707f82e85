package kubelite

import (
	"net/http"

	"resnet-autoscaling/internal/kubelite/kinds"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

type changeScale = func(old *autoscalingv1.Scale) (*autoscalingv1.Scale, error)

// serveScale serves the scale of a Deployment.
func (s *Server) serveScale(w http.ResponseWriter, r *http.Request, t target) error {
	var change changeScale
	var err error
	switch r.Method {
	case http.MethodGet:
		change = func(old *autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return old, nil }
	case http.MethodPut:
		change, err = replaceScale(w, r)
	case http.MethodPatch:
		change, err = patchScale(w, r)
	default:
		err = apierrors.NewMethodNotSupported(t.kind.GroupResource(), "scale")
	}
	if err != nil {
		return err
	}
	stored, err := s.api.update(t.kind, t.key(), func(old kinds.Object) (kinds.Object, error) {
		d := old.(*appsv1.Deployment)
		scale, err := change(kinds.ScaleOf(d))
		if err != nil {
			return nil, err
		}
		return t.kind.Rescaled(d, scale)
	})
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, kinds.ScaleOf(stored.(*appsv1.Deployment)))
}

func replaceScale(w http.ResponseWriter, r *http.Request) (changeScale, error) {
	if err := writable(r); err != nil {
		return nil, err
	}
	scale := &autoscalingv1.Scale{}
	return func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return scale, nil }, readInto(w, r, scale, scaleKind)
}

func patchScale(w http.ResponseWriter, r *http.Request) (changeScale, error) {
	p, err := readPatch(w, r)
	return func(old *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		scale := &autoscalingv1.Scale{}
		return scale, p.apply(old, scale, scaleKind)
	}, err
}
