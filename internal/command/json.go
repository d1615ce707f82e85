package command

import (
	"encoding/json"
	"io"
)

// WriteJSON writes a value for programs, in a form that people can read too.
func WriteJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
