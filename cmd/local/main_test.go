package main

import (
	"fmt"
	"os"
	"testing"

	"resnet-autoscaling/internal/command"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"local": main, "misused": misused})
}

func TestScripts(t *testing.T) { testscript.Run(t, testscript.Params{Dir: "testdata/script"}) }

// misused runs the dispatcher and succeeds if it exits as a misused command does.
func misused() {
	if code := command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr); code != command.ExitMisuse {
		fmt.Fprintln(os.Stderr, "exit code", code)
		os.Exit(1)
	}
}
