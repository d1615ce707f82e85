package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
)

// contender is a server that is measured.
type contender struct {
	name      string // for --only
	title     string // for people
	precision string
	peer      string // the folder of peers/ that it comes from; empty: ours
	asking    asking
	ready     string // its path that answers 200 once it serves
	program   func(w workplace, ports []int) program
}

// program is what is run for it.
type program struct {
	args []string
	env  []string
}

const (
	int8Precision = "int8"
	fp32Precision = "fp32"
	original      = "original"
	ours          = "model-server"
)

// unobtainable are peers that one would expect here.
var unobtainable = []struct{ title, reason string }{
	{"NVIDIA Triton Inference Server", "comes as a container image only; PyPI's tritonserver is a placeholder that says so"},
	{"OpenVINO Model Server", "comes as a container image or an archive only; no package registry has it"},
}

// contenders are all of them, in the table's order.
func contenders() []contender {
	all := []contender{
		{name: original, title: "original stack (FastAPI, torchvision)", precision: fp32Precision, peer: original, asking: form, ready: "/health", program: uvicorn(original, "app")},
		{name: original + "-tuned", title: "original stack, tuned", precision: fp32Precision, peer: original, asking: form, ready: "/health", program: uvicorn(original, "tuned", fast...)},
	}
	for _, precision := range []string{fp32Precision, int8Precision} {
		for _, c := range []contender{
			{name: "mlserver", title: "MLServer, ONNX Runtime", peer: "mlserver", asking: inferenceV2, ready: "/v2/models/resnet18/ready", program: mlserver},
			{name: "kserve", title: "KServe, ONNX Runtime", peer: "kserve", asking: kserveV1, ready: "/v2/models/resnet18/ready", program: script("kserve", "--log_config_file", "logging.json")},
			{name: "litserve", title: "LitServe, ONNX Runtime", peer: "litserve", asking: form, ready: "/health", program: script("litserve")},
			{name: "bentoml", title: "BentoML, ONNX Runtime", peer: "bentoml", asking: form, ready: "/readyz", program: bentoml},
			{name: "openvino", title: "Starlette, OpenVINO", peer: "starlette", asking: form, ready: "/ready", program: withEnv(uvicorn("starlette", "app", fast...), "BENCH_RUNTIME=openvino")},
			{name: "starlette", title: "Starlette, ONNX Runtime", peer: "starlette", asking: form, ready: "/ready", program: withEnv(uvicorn("starlette", "app", fast...), "BENCH_RUNTIME=onnxruntime")},
			{name: ours, title: "model-server", asking: form, ready: "/readyz", program: modelServer(precision)},
		} {
			c.name, c.precision = c.name+"-"+precision, precision
			c.program = withEnv(c.program, "BENCH_PRECISION="+precision)
			all = append(all, c)
		}
	}
	return all
}

func (c contender) ours() bool { return c.peer == "" }

// fast are uvicorn's settings for speed: its loop and parser in C, no line a request.
var fast = []string{"--loop", "uvloop", "--http", "httptools", "--no-access-log"}

func uvicorn(peer, module string, more ...string) func(workplace, []int) program {
	return func(w workplace, ports []int) program {
		return program{args: append([]string{
			w.python(peer), "-m", "uvicorn", module + ":app", "--app-dir", w.peers(peer), "--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]),
		}, more...)}
	}
}

// script runs a peer's app.py, in its folder.
func script(peer string, args ...string) func(workplace, []int) program {
	return func(w workplace, ports []int) program {
		args := slices.Clone(args)
		for i, arg := range args {
			if strings.HasSuffix(arg, ".json") {
				args[i] = w.peers(peer, arg)
			}
		}
		return program{args: append([]string{w.python(peer), w.peers(peer, "app.py")}, args...), env: []string{fmt.Sprintf("BENCH_PORT=%d", ports[0])}}
	}
}

func bentoml(w workplace, ports []int) program {
	return program{args: []string{
		w.python("bentoml"), "-m", "bentoml", "serve", "service:Classifier", "--working-dir", w.peers("bentoml"),
		"--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]),
	}}
}

func mlserver(w workplace, ports []int) program {
	return program{
		args: []string{w.python("mlserver"), w.cache("mlserver", "bin/mlserver"), "start", w.peers("mlserver")},
		env: []string{
			fmt.Sprintf("MLSERVER_HTTP_PORT=%d", ports[0]), fmt.Sprintf("MLSERVER_GRPC_PORT=%d", ports[1]), fmt.Sprintf("MLSERVER_METRICS_PORT=%d", ports[2]),
			"PYTHONPATH=" + w.peers("common") + ":" + w.peers("mlserver"),
		},
	}
}

// modelServer has a queue that holds all the connections of a measurement: the peers queue without an end.
func modelServer(precision string) func(workplace, []int) program {
	return func(w workplace, ports []int) program {
		return program{args: []string{
			w.server, "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--model", w.model, "--precision", precision,
			"--cpu-limit", "1", "--queue", strconv.Itoa(slices.Max(connections)), "--drain-delay", "0s",
		}}
	}
}

// asDeployed is the model server as it is in a cluster: it finds its CPU quota and chooses its precision by itself.
func asDeployed(use string) contender {
	return contender{name: ours + "-" + use, asking: form, ready: api.PathReadyz, program: func(w workplace, ports []int) program {
		return program{args: []string{w.server, "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--model", w.model, "--drain-delay", "0s"}}
	}}
}

func withEnv(make func(workplace, []int) program, env ...string) func(workplace, []int) program {
	return func(w workplace, ports []int) program {
		p := make(w, ports)
		p.env = append(p.env, env...)
		return p
	}
}

// choose keeps those that are named, by a whole name or by what stands before its precision; all where none is named.
func choose(all []contender, names []string) ([]contender, error) {
	if len(names) == 0 {
		return all, nil
	}
	chosen := map[string]bool{}
	for _, name := range names {
		found := false
		for _, c := range all {
			if c.name == name || c.name == name+"-"+c.precision {
				chosen[c.name], found = true, true
			}
		}
		if err := command.Check(found, "--only", name, "must be among "+strings.Join(namesOf(all), ", ")); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(c contender) bool { return !chosen[c.name] }), nil
}

func namesOf(all []contender) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}
