package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"loadtest": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/predict":
					io.WriteString(w, `{"predictions":[{"synset":"n03445777"}]}`)
				case "/busy":
					w.WriteHeader(http.StatusServiceUnavailable)
				default:
					http.NotFound(w, r)
				}
			}))
			env.Defer(server.Close)
			env.Setenv("SERVER", server.URL)
			gif, err := base64.StdEncoding.DecodeString("R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
			if err != nil {
				return err
			}
			return os.WriteFile(env.WorkDir+"/ball.gif", gif, 0o600)
		},
	})
}
