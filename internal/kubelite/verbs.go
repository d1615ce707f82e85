package kubelite

import (
	"fmt"
	"net/http"
	"strconv"

	"resnet-autoscaling/internal/kubelite/kinds"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// list is any list of objects.
type list struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []kinds.Object `json:"items"`
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, t target) error {
	o, err := s.api.get(t.kind, t.key())
	if err != nil {
		return err
	}
	return s.answer(w, r, http.StatusOK, t.kind, o)
}

// list ignores limit: a server may answer with everything at once.
func (s *Server) list(w http.ResponseWriter, r *http.Request, t target) error {
	tabular, err := wantsTable(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	q := r.URL.Query()
	match, err := t.kind.Select(t.namespace, q.Get("labelSelector"), q.Get("fieldSelector"))
	if err != nil {
		return err
	}
	objects, revision := s.api.store.List(t.kind.Table(), match)
	if err := checkRevision(q.Get("resourceVersion"), q.Get("resourceVersionMatch"), revision); err != nil {
		return err
	}
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatInt(revision, 10)}
	if tabular {
		return s.writeTable(w, r, http.StatusOK, t.kind, meta, objects)
	}
	l := list{TypeMeta: metav1.TypeMeta{Kind: t.kind.Kind + "List", APIVersion: t.kind.GroupVersion().String()}, ListMeta: meta, Items: []kinds.Object{}}
	for _, o := range objects {
		l.Items = append(l.Items, t.kind.View(o))
	}
	return write(w, http.StatusOK, l)
}

// answer writes one object, in the form that the client wants.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, code int, k *kinds.Kind, o kinds.Object) error {
	tabular, err := wantsTable(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	if tabular {
		return s.writeTable(w, r, code, k, metav1.ListMeta{ResourceVersion: o.GetResourceVersion()}, []kinds.Object{o})
	}
	return write(w, code, k.View(o))
}

// writable refuses what a write cannot do here, before it is done.
func writable(r *http.Request) error {
	if _, err := wantsTable(r.Header.Get("Accept")); err != nil {
		return err
	}
	if dry := r.URL.Query().Get("dryRun"); dry != "" {
		return apierrors.NewBadRequest(fmt.Sprintf("dryRun=%s is not served here: leave it out, or use --dry-run=client", dry))
	}
	return nil
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, t target) error {
	o, err := readObject(w, r, t.kind)
	if err != nil {
		return err
	}
	stored, err := s.api.create(t.kind, t.namespace, o)
	if err != nil {
		return err
	}
	return s.answer(w, r, http.StatusCreated, t.kind, stored)
}

func readObject(w http.ResponseWriter, r *http.Request, k *kinds.Kind) (kinds.Object, error) {
	if err := writable(r); err != nil {
		return nil, err
	}
	o := k.New()
	return o, readInto(w, r, o, k.GroupVersionKind)
}

func (s *Server) replace(w http.ResponseWriter, r *http.Request, t target) error {
	o, err := readObject(w, r, t.kind)
	if err != nil {
		return err
	}
	stored, err := s.api.update(t.kind, t.key(), func(old kinds.Object) (kinds.Object, error) {
		return t.kind.Update(o, old, t.sub == "status")
	})
	if err != nil {
		return err
	}
	return s.answer(w, r, http.StatusOK, t.kind, stored)
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request, t target) error {
	p, err := readPatch(w, r)
	if err != nil {
		return err
	}
	stored, err := s.api.update(t.kind, t.key(), func(old kinds.Object) (kinds.Object, error) {
		o := t.kind.New()
		if err := p.apply(old, o, t.kind.GroupVersionKind); err != nil {
			return nil, err
		}
		return t.kind.Update(o, old, t.sub == "status")
	})
	if err != nil {
		return err
	}
	return s.answer(w, r, http.StatusOK, t.kind, stored)
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request, t target) error {
	o, err := readDeleteOptions(w, r)
	if err != nil {
		return err
	}
	last, gone, err := s.api.remove(t.kind, t.key(), o)
	if err != nil {
		return err
	}
	if !gone || t.kind == pods {
		return s.answer(w, r, http.StatusOK, t.kind, last)
	}
	return write(w, http.StatusOK, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: t.name, Group: t.kind.Group, Kind: t.kind.Plural, UID: last.GetUID()},
	})
}

// readDeleteOptions takes them from the query and the body.
func readDeleteOptions(w http.ResponseWriter, r *http.Request) (metav1.DeleteOptions, error) {
	var o metav1.DeleteOptions
	if err := writable(r); err != nil {
		return o, err
	}
	q := r.URL.Query()
	if err := metav1.Convert_url_Values_To_v1_DeleteOptions(&q, &o, nil); err != nil {
		return o, apierrors.NewBadRequest(fmt.Sprintf("unable to read the DeleteOptions: %v", err))
	}
	if err := readInto(w, r, &o, schema.GroupVersionKind{Version: "v1", Kind: "DeleteOptions"}); err != nil {
		return o, err
	}
	if len(o.DryRun) > 0 {
		return o, apierrors.NewBadRequest("dryRun is not served here: leave it out, or use --dry-run=client")
	}
	if o.PropagationPolicy != nil && *o.PropagationPolicy == metav1.DeletePropagationOrphan {
		return o, apierrors.NewBadRequest("propagationPolicy Orphan is not served here: what an object owns goes with it")
	}
	return o, nil
}
