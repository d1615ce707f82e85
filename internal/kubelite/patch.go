package kubelite

import (
	"encoding/json"
	"fmt"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// patch is a change in one of Kubernetes' three languages for changes.
type patch struct {
	kind types.PatchType
	text []byte
}

func readPatch(w http.ResponseWriter, r *http.Request) (patch, error) {
	if err := writable(r); err != nil {
		return patch{}, err
	}
	kind, body, err := readBody(w, r, string(types.StrategicMergePatchType), string(types.MergePatchType), string(types.JSONPatchType))
	return patch{types.PatchType(kind), body}, err
}

// apply makes of old what the patch says, in into.
func (p patch) apply(old, into runtime.Object, gvk schema.GroupVersionKind) error {
	before, err := json.Marshal(old)
	if err != nil {
		return fmt.Errorf("encode %s: %w", gvk.Kind, err)
	}
	after, err := p.edit(before, into)
	if err != nil {
		return status(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, fmt.Sprintf("the patch cannot be applied: %v", err))
	}
	_, _, err = decoders[jsonType].Decode(after, &gvk, into)
	if err != nil && !runtime.IsStrictDecodingError(err) {
		return apierrors.NewBadRequest(fmt.Sprintf("the patched object is no %s: %v", gvk.Kind, err))
	}
	return nil
}

// edit changes JSON. A strategic patch merges lists by the keys that the type names.
func (p patch) edit(before []byte, kind runtime.Object) ([]byte, error) {
	switch p.kind {
	case types.JSONPatchType:
		operations, err := jsonpatch.DecodePatch(p.text)
		if err != nil {
			return nil, err
		}
		return operations.Apply(before)
	case types.MergePatchType:
		return jsonpatch.MergePatch(before, p.text)
	default:
		return strategicpatch.StrategicMergePatch(before, p.text, kind)
	}
}
