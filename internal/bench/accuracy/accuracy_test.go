package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asServer makes this program play the model server. A picture is the text "class" or "class precision other": what a server
// of that precision takes it for.
const asServer = "ACCURACY_TEST_SERVER"

func TestMain(m *testing.M) {
	switch os.Getenv(asServer) {
	case "":
		os.Exit(m.Run())
	case "broken":
		fmt.Fprintln(os.Stderr, "no library")
		os.Exit(1)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go http.ListenAndServe(argument("--listen"), fake(argument("--precision")))
	<-interrupted
}

func argument(flag string) string { return os.Args[slices.Index(os.Args, flag)+1] }

func fake(precision string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		words := strings.Fields(string(body))
		if len(words) == 0 || r.FormValue("top_k") != "2" {
			http.Error(w, "no picture", http.StatusBadRequest)
			return
		}
		class := words[0]
		if len(words) == 3 && words[1] == precision {
			class = words[2]
		}
		other := map[string]string{"0": "1", "1": "0"}[class]
		fmt.Fprintf(w, `{"predictions":[{"class_id":%s,"probability":0.75},{"class_id":%s,"probability":0.25}]}`, class, other)
	})
	return mux
}

// bench is a folder with a model of two classes, pictures and a reference.
type bench struct {
	t      *testing.T
	dir    string
	logits map[string][]float64
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), logits: map[string][]float64{}}
	b.write("model/model.json", `{"name":"m","version":"1","input":{"name":"i","resize":2,"crop":1,"mean":[0,0,0],"std":[1,1,1]},"output":{"name":"o"},"labels":"labels.txt",
		"files":{"int8":{"file":"i.onnx","sha256":"`+strings.Repeat("0", 64)+`"},"fp32":{"file":"f.onnx","sha256":"`+strings.Repeat("0", 64)+`"}}}`)
	b.write("model/labels.txt", "n0\tcat\nn1\tdog\n")
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// picture adds a picture whose class the reference has as class, with a probability of 3 in 4.
func (b *bench) picture(name, text string, class int) {
	b.write("data/"+name, text)
	logits := []float64{0, 0}
	logits[class] = math.Log(3)
	b.logits["elsewhere/data/"+name] = logits
}

// pictures adds n labelled pictures that all take for what they are, of both classes in turn; of the first wrong, precision thinks otherwise.
func (b *bench) pictures(n, wrong int, precision string) {
	for i := range n {
		class, text := i%2, fmt.Sprint(i%2)
		if i < wrong {
			text = fmt.Sprintf("%d %s %d", class, precision, 1-class)
		}
		b.picture(fmt.Sprintf("n%d/%d.JPEG", class, i), text, class)
	}
}

// run runs the program on all of it, with further arguments.
func (b *bench) run(args ...string) (code int, out, log string) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	if os.Getenv(asServer) == "" {
		b.t.Setenv(asServer, "yes")
	}
	text, err := json.Marshal(map[string]any{"logits": b.logits})
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("reference.json", string(text))
	args = append([]string{
		"--server", self, "--model", filepath.Join(b.dir, "model"), "--data", filepath.Join(b.dir, "data"),
		"--reference", filepath.Join(b.dir, "reference.json"),
	}, args...)
	var stdout, stderr bytes.Buffer
	code = run(b.t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// want checks that the report has each line, whatever the width of its columns.
func want(t *testing.T, report string, lines ...string) {
	t.Helper()
	squeezed := strings.Join(strings.Fields(report), " ")
	for _, line := range lines {
		if !strings.Contains(squeezed, line) {
			t.Errorf("the report lacks %q:\n%s", line, report)
		}
	}
}

func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		name      string
		pictures  int
		wrong     int
		precision string
		code      int
		line      string
	}{
		{"int8 loses a point", 500, 5, "int8", kept, "| INT8 loses at most 1.0 points of top-1 against FP32 | 1.00 | kept |"},
		{"int8 loses more", 500, 6, "int8", missed, "| INT8 loses at most 1.0 points of top-1 against FP32 | 1.20 | missed |"},
		{"fp32 loses two tenths", 500, 1, "fp32", kept, "| FP32 loses at most 0.3 points of top-1 against the reference | 0.20 | kept |"},
		{"fp32 loses four tenths", 500, 2, "fp32", missed, "| FP32 loses at most 0.3 points of top-1 against the reference | 0.40 | missed |"},
		{"too few to tell", 50, 1, "fp32", kept, "not judged: 50 labelled pictures are too few to tell"},
		{"few that disagree", 50, 2, "fp32", missed, "| FP32 agrees with the reference on at least 98 % of the pictures | 96.00 % | missed |"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.pictures(c.pictures, c.wrong, c.precision)
			code, out, log := b.run()
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, log)
			}
			want(t, out, c.line)
		})
	}
}

func TestFigures(t *testing.T) {
	b := newBench(t)
	b.pictures(10, 1, "int8")
	out := filepath.Join(b.dir, "report.md")
	code, report, log := b.run("--out", out)
	if code != kept {
		t.Fatalf("exit code %d: %s", code, log)
	}
	want(t, report,
		"| reference | 100.00 % | 0.2500 | | | |",
		"| fp32 | 100.00 % | 0.2500 | 0.00000 | 0.0000 |",
		"| int8 | 90.00 % | 0.1500 | 0.05000 | 0.5000 | n0/0.JPEG |",
		"| int8 | 90.00 % | 90.00 % | 100.00 % |",
		"Confusion, int8: a row for each truth, a column for each answer. | | cat | dog | |-----|-----|-----| | cat | 4 | 1 | | dog | 0 | 5 |",
	)
	if written, err := os.ReadFile(out); err != nil || string(written) != report {
		t.Errorf("--out: %v, other than what was printed:\n%s", err, written)
	}
}

func TestFilesNamedAfterTheirSynset(t *testing.T) {
	b := newBench(t)
	b.picture("n0_cat.JPEG", "0", 0)
	b.picture("n7_horse.jpg", "1", 1)
	_, report, log := b.run()
	want(t, report+log, "2 pictures, 1 of them of the model's classes.", "| cat | 1 | 0 |", "| dog | 0 | 0 |")
}

func TestWithoutAReference(t *testing.T) {
	b := newBench(t)
	b.pictures(2, 2, "fp32")
	code, report, log := b.run("--reference", "")
	if code != kept {
		t.Errorf("exit code %d: %s", code, log)
	}
	want(t, report, "| fp32 | 0.00 % | 0.7500 |", "not judged: one of the two is not here")
}

func TestWhatCannotBeMeasured(t *testing.T) {
	for _, c := range []struct {
		name, says string
		args       []string
		change     func(*bench)
	}{
		{"no pictures", "no JPEG is there", []string{"--data", "."}, nil},
		{"no data", "--data is required", []string{"--data", ""}, nil},
		{"a word too many", `argument "more"`, []string{"more"}, nil},
		{"no model", "model.json", []string{"--model", "nowhere"}, nil},
		{"a picture that the reference does not know", "has 0 logits for n1/1.JPEG", nil, func(b *bench) { delete(b.logits, "elsewhere/data/n1/1.JPEG") }},
		{"a picture that the server refuses", "n0/0.JPEG: the server answers 400 Bad Request: no picture", nil, func(b *bench) { b.write("data/n0/0.JPEG", "") }},
		{"a server that does not start", "ended before it was ready: no library", nil, func(b *bench) { b.t.Setenv(asServer, "broken") }},
		{"a server that is not there", "start the server", []string{"--server", "./nowhere"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.pictures(2, 0, "")
			if c.change != nil {
				c.change(b)
			}
			code, out, log := b.run(c.args...)
			if code != unusable || !strings.Contains(log, c.says) || out != "" {
				t.Errorf("exit code %d, want %d; stderr should say %q:\n%s%s", code, unusable, c.says, log, out)
			}
		})
	}
}
