package api

import (
	"net/http"
	"net/url"
	"strings"
)

// HeaderModels, on every answer of a model server, is the models that it serves: name/version, …, each escaped as in a path. A model server
// of before this header does not say.
const HeaderModels = "X-Inference-Models"

// ModelVersion names a model that is served.
type ModelVersion struct{ Name, Version string }

// Models are those that one server has.
type Models []ModelVersion

// String is the header's value.
func (m Models) String() string {
	texts := make([]string, len(m))
	for i, v := range m {
		texts[i] = url.PathEscape(v.Name) + "/" + url.PathEscape(v.Version)
	}
	return strings.Join(texts, ", ")
}

// ModelsFrom reads what String wrote. ok is false where the header is absent or makes no sense.
func ModelsFrom(h http.Header) (m Models, ok bool) {
	for text := range strings.SplitSeq(h.Get(HeaderModels), ",") {
		name, version, cut := strings.Cut(strings.TrimSpace(text), "/")
		name, nameErr := url.PathUnescape(name)
		version, versionErr := url.PathUnescape(version)
		if !cut || nameErr != nil || versionErr != nil || name == "" || version == "" {
			return nil, false
		}
		m = append(m, ModelVersion{name, version})
	}
	return m, true
}

// Has tells whether a model of a name is among them, and where a version is asked for, of that version.
func (m Models) Has(name, version string) bool {
	for _, v := range m {
		if v.Name == name && (version == "" || v.Version == version) {
			return true
		}
	}
	return false
}
