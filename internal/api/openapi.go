package api

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
)

// shared are the components of openapi.json that several servers have: what they say to each other, they describe in the same words.
//
//go:embed openapi.json
var shared []byte

// components are the parts of a description that others of its parts refer to, by kind and name.
type components map[string]map[string]json.RawMessage

type description struct {
	OpenAPI    json.RawMessage `json:"openapi"`
	Info       json.RawMessage `json:"info"`
	Tags       json.RawMessage `json:"tags,omitempty"`
	Security   json.RawMessage `json:"security,omitempty"`
	Paths      json.RawMessage `json:"paths"`
	Components components      `json:"components"`
}

// Describe answers GET /openapi.json with a server's own description, completed by the shared components.
func Describe(own []byte) http.HandlerFunc {
	whole := complete(own)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A caller that is gone cannot be told anything.
		_, _ = w.Write(whole)
	}
}

func complete(own []byte) []byte {
	whole := read[description](own)
	for kind, named := range read[components](shared) {
		if whole.Components[kind] == nil {
			whole.Components[kind] = named
			continue
		}
		maps.Copy(whole.Components[kind], named)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return text
}

// read panics at what makes no sense: it is part of the program.
func read[T any](text []byte) (value T) {
	if err := json.Unmarshal(text, &value); err != nil {
		panic(err)
	}
	return value
}
