package main

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"resnet-autoscaling/internal/oip"
	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"loadtest": main}) }

// requests is where a script's environment keeps the channel of requests served.
const requests = "requests"

func TestScripts(t *testing.T) {
	testkit.Scripts(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"served": served},
		Setup: func(env *testscript.Env) error {
			predictions := make(chan struct{}, 100)
			env.Values[requests] = predictions
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				service(w, r)
				if r.URL.Path != "/predict" {
					return
				}
				select {
				case predictions <- struct{}{}:
				default: // nobody waits for that many
				}
			}))
			secure := httptest.NewUnstartedServer(http.HandlerFunc(service))
			secure.EnableHTTP2 = true
			secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
			secure.StartTLS()
			env.Defer(secure.Close)
			env.Setenv("SECURE", secure.URL)
			cluster := httptest.NewServer(http.HandlerFunc(apiServer))
			env.Defer(server.Close)
			env.Defer(cluster.Close)
			env.Setenv("PROMTOOL", testkit.Promtool(t))
			env.Setenv("SERVER", server.URL)
			env.Setenv("CLUSTER", cluster.URL)
			gif, err := base64.StdEncoding.DecodeString("R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
			if err != nil {
				return err
			}
			kubeconfig := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"ns"}}],
				"clusters":[{"name":"c","cluster":{"server":%q}}],"users":[{"name":"u","user":{}}]}`, cluster.URL)
			return errors.Join(
				os.WriteFile(env.WorkDir+"/ball.gif", gif, 0o600),
				os.WriteFile(env.WorkDir+"/ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600),
				os.WriteFile(env.WorkDir+"/kubeconfig", []byte(kubeconfig), 0o600),
			)
		},
	})
}

// served waits until the server has had so many requests.
func served(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(strings.Join(args, " "))
	ts.Check(err)
	for range n {
		<-ts.Value(requests).(chan struct{})
	}
}

// service plays the dispatcher.
func service(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/predict":
		w.Header().Set("Server-Timing", "queue;dur=1.5, decode;dur=0.5, preprocess;dur=0.25, inference;dur=7")
		io.WriteString(w, `{"predictions":[{"synset":"n03445777"}]}`)
	case "/guarded":
		if r.Header.Get("Authorization") != "Bearer sesame" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	case "/v2/models/resnet18/infer":
		v2(w, r)
	case "/busy":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		http.NotFound(w, r)
	}
}

// v2 answers a picture sent as the Open Inference Protocol has it, and nothing else.
func v2(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	head, _ := strconv.Atoi(r.Header.Get(oip.HeaderLength))
	if err != nil || head <= 0 || head >= len(body) || !strings.Contains(string(body[:head]), `"BYTES"`) || !strings.HasPrefix(string(body[head+4:]), "GIF89a") {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// apiServer plays a cluster with a scale of 5, and is the dispatcher too.
func apiServer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/apis/apps/v1/namespaces/ns/deployments/resnet-inference/scale":
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"kind":"Scale","apiVersion":"autoscaling/v1","spec":{"replicas":5}}`)
	case "/status":
		io.WriteString(w, `{"replicas":[{"state":"ready"},{"state":"ready"}]}`)
	default:
		service(w, r)
	}
}
