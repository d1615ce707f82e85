package main

import (
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"soak": main}) }

func TestScripts(t *testing.T) { testkit.Scripts(t, testscript.Params{}) }
