package dispatcher

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPI []byte

// describe answers GET /openapi.json.
func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// A caller that is gone cannot be told anything.
	_, _ = w.Write(openAPI)
}
