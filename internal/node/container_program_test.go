package node_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is also the image that the tests' pods run; its first argument says as what.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve":
			os.Exit(serve())
		case "fail":
			fmt.Println("about to fail")
			os.Exit(3)
		case "finish":
			fmt.Println("done")
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

// serve answers at RESNET_LISTEN until SIGTERM, which it tells; with STUBBORN it goes on.
func serve() int {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	var ready, alive atomic.Bool
	ready.Store(os.Getenv("UNREADY") == "")
	alive.Store(true)
	probe := func(is *atomic.Bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if !is.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}
	http.HandleFunc("GET /readyz", probe(&ready))
	http.HandleFunc("GET /healthz", probe(&alive))
	http.HandleFunc("POST /ready", func(http.ResponseWriter, *http.Request) { ready.Store(true) })
	http.HandleFunc("POST /unready", func(http.ResponseWriter, *http.Request) { ready.Store(false) })
	http.HandleFunc("POST /hang", func(http.ResponseWriter, *http.Request) { alive.Store(false) })
	http.HandleFunc("POST /print", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.URL.Query().Get("line")) })
	http.HandleFunc("POST /spin", func(_ http.ResponseWriter, r *http.Request) { spin(r.URL.Query().Get("ms")) })
	http.HandleFunc("GET /env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Join(os.Environ(), "\n")) })
	server := &http.Server{Addr: os.Getenv("RESNET_LISTEN")}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			fmt.Println(err)
			os.Exit(1)
		}
	}()
	fmt.Println("serving")
	for range terminated {
		fmt.Println("terminated")
		if file := os.Getenv("TELL"); file != "" {
			if err := os.WriteFile(file, []byte("terminated"), 0o600); err != nil {
				return 1
			}
		}
		if os.Getenv("STUBBORN") == "" {
			break
		}
	}
	if err := server.Shutdown(context.Background()); err != nil {
		return 1
	}
	return 0
}

func spin(ms string) {
	n, _ := strconv.Atoi(ms)
	for end := time.Now().Add(time.Duration(n) * time.Millisecond); time.Now().Before(end); {
	}
}
