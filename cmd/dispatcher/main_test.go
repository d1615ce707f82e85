package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"dispatcher": main, "ask": ask}) }

func TestScripts(t *testing.T) {
	testkit.Scripts(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"address": address},
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"tls", "other"} {
				file := filepath.Join(env.WorkDir, name)
				testkit.WriteCertificate(t, file+".crt", file+".key")
			}
			return nil
		},
	})
}

// address waits until a log in JSON tells of a server's address, and puts it into a variable:
//
//	address VARIABLE LOG [LISTENER]
func address(ts *testscript.TestScript, _ bool, args []string) {
	variable, file, listener := args[0], ts.MkAbs(args[1]), strings.Join(args[2:], "")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		for line := range strings.Lines(string(text)) {
			var l struct{ Msg, Address, Listener string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "serving" && l.Listener == listener {
				ts.Setenv(variable, l.Address)
				return
			}
		}
	}
	ts.Fatalf("%s tells of no address: %s", file, ts.ReadFile(args[1]))
}

// ask is a program of the scripts, which prints the status and the body of an answer:
//
//	ask URL [KEY]
func ask() {
	r, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err != nil {
		fail(err)
	}
	if len(os.Args) > 2 {
		r.Header.Set("Authorization", "Bearer "+os.Args[2])
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // it was made for this script alone
	resp, err := client.Do(r)
	if err != nil {
		fail(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fail(err)
	}
	fmt.Printf("%d %s\n", resp.StatusCode, body)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
