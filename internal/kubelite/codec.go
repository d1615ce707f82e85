package kubelite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"resnet-autoscaling/internal/kubelite/kinds"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

const (
	jsonType  = runtime.ContentTypeJSON
	protoType = runtime.ContentTypeProtobuf
	maxBody   = 3 << 20 // bytes; Kubernetes' own limit
)

// decoders read bodies into the types of the scheme; that of JSON tells of fields that the types do not have. Answers are JSON
// only, but client-go's typed clients send protobuf unless they are told not to.
var decoders = map[string]runtime.Decoder{
	jsonType:  serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, kinds.Scheme, kinds.Scheme, serializer.SerializerOptions{Strict: true}),
	protoType: protobuf.NewSerializer(kinds.Scheme, kinds.Scheme),
}

// wantsTable tells, from an Accept header, whether the answer should be a Table. JSON is all there is besides.
func wantsTable(accept string) (bool, error) {
	if accept == "" {
		return false, nil
	}
	for clause := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(clause)
		if err != nil || kind != jsonType && kind != "*/*" && kind != "application/*" {
			continue
		}
		switch {
		case params["as"] == "":
			return false, nil
		case params["as"] == "Table" && params["g"] == metav1.GroupName && params["v"] == "v1":
			return true, nil
		}
	}
	return false, status(http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable, "only the following media types are accepted: "+jsonType)
}

func status(code int, reason metav1.StatusReason, message string) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message}}
}

// readBody reads a body of one of the media types and says which it was.
func readBody(w http.ResponseWriter, r *http.Request, allowed ...string) (kind string, body []byte, err error) {
	kind, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type")) // an unreadable one is not among the allowed
	if r.Header.Get("Content-Type") == "" {
		kind = allowed[0]
	}
	if !slices.Contains(allowed, kind) {
		return "", nil, status(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
			fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: %s", strings.Join(allowed, ", ")))
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return "", nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", maxBody))
	}
	if err != nil {
		return "", nil, apierrors.NewBadRequest(fmt.Sprintf("the body ended early: %v", err))
	}
	return kind, body, nil
}

// readInto reads a body into an object of a type. Fields that the type lacks are an error, a warning or nothing, as the client
// asked by fieldValidation. An empty body leaves the object as it is.
func readInto(w http.ResponseWriter, r *http.Request, into runtime.Object, gvk schema.GroupVersionKind) error {
	kind, body, err := readBody(w, r, jsonType, protoType)
	if err != nil || len(body) == 0 {
		return err
	}
	o, found, err := decoders[kind].Decode(body, &gvk, into)
	if runtime.IsStrictDecodingError(err) {
		switch r.URL.Query().Get("fieldValidation") {
		case metav1.FieldValidationStrict:
			return apierrors.NewBadRequest(err.Error())
		case metav1.FieldValidationIgnore:
		default:
			w.Header().Add("Warning", fmt.Sprintf("299 - %q", err.Error()))
		}
	} else if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v", gvk.Kind, err))
	}
	if o != into || found.Kind != gvk.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", found, gvk))
	}
	return nil
}

func write(w http.ResponseWriter, code int, answer any) error {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(answer); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(code)
	// The status is out: a client that does not take the body has nothing left to be told.
	_, _ = w.Write(text.Bytes())
	return nil
}

// statusOf is an error as clients read it. What is not meant for them is an internal error.
func statusOf(err error) metav1.Status {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(err)
	}
	s := known.Status()
	s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return s
}
