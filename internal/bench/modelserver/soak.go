package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/soak"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/picture"
)

const (
	// soakLoad is the share of its stated capacity that the server is sent errands at, of which some cost many pictures' time.
	soakLoad = 0.7
	// soakRush is how many requests come at once now and then, as a multiple of what the server takes in.
	soakRush = 3
	// The server's defaults.
	queuePerSlot = 4
	workTimeout  = 10 * time.Second
	soakLooks    = 10 * time.Second
	soakMarks    = 6 // lines that are printed of the load
)

type soakFlags struct {
	product
	Length  time.Duration `default:"30m" help:"How long the server is loaded."`
	CPU     command.CPU   `default:"1" placeholder:"CPUS" help:"The CPU quota of the server, which it finds by itself."`
	Rate    float64       `placeholder:"RPS" help:"Requests per second, on average. Default: 70 % of the pictures per second that the server states."`
	Seed    uint64        `default:"1" help:"Decides what is sent, in which order."`
	Largest command.Count `default:"12M" placeholder:"PIXELS" help:"The size of the largest pictures."`
	Settle  time.Duration `default:"1m" help:"How long the server has afterwards to give back what it held."`
	JSON    string        `placeholder:"FILE" type:"path" help:"Where all that was seen is written, as JSON."`
}

// Validate checks what kong cannot.
func (f *soakFlags) Validate() error {
	may, err := machine.UsableCores()
	return errors.Join(
		command.Check(f.Length >= time.Second && f.Length <= 7*24*time.Hour, "--length", f.Length, "must be 1s to 168h"),
		// Where it is not known what there is, Run fails and says why.
		command.Check(err != nil || float64(f.CPU) <= float64(len(may)), "--cpu", f.CPU, fmt.Sprintf("must be at most %d, which is what this machine has", len(may))),
		command.Check(f.Rate >= 0 && f.Rate <= 1e5, "--rate", f.Rate, "must be 0 to 100000, 0 being the default"),
		command.Check(f.Largest >= 10e3 && f.Largest <= 25e6, "--largest", f.Largest, "must be 10k to 25M: the server takes no larger ones"),
		command.Check(f.Settle >= 0 && f.Settle <= time.Hour, "--settle", f.Settle, "must be 0s to 1h"),
	)
}

// errUnwell is a server that does not stand the load.
var errUnwell = errors.New("the server is not well")

// Run soaks a server, and judges.
func (f *soakFlags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := f.workplace()
	if err != nil {
		return err
	}
	if err := mayWrite("--json", f.JSON); err != nil {
		return err
	}
	material, err := f.material(w)
	if err != nil {
		return err
	}
	var result soak.Result
	err = stage.Open(log, func(s *stage.Stage) error {
		result, err = f.soak(ctx, w, s, material, out)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprint(out, soakReport(result, float64(f.CPU)))
	if err := f.save(result); err != nil {
		return err
	}
	if faults := result.Faults(); len(faults) > 0 {
		return fmt.Errorf("%w: %s", errUnwell, strings.Join(faults, "; "))
	}
	return nil
}

// soak takes a server through it, from its start to its end.
func (f *soakFlags) soak(ctx context.Context, w workplace, s *stage.Stage, material soak.Material, out io.Writer) (soak.Result, error) {
	v, err := w.launch(ctx, s, asDeployed("soak"), func(p *stage.Program) { p.CPUs = float64(f.CPU) })
	if err != nil {
		return soak.Result{}, err
	}
	result, err := f.load(ctx, v, material, out)
	if err = errors.Join(err, v.Stop()); err != nil {
		return result, fmt.Errorf("%w; the server's last words are %q (see .cache/bench/%s)", err, v.LastWords(), v.name+".server.log")
	}
	if code, signal := v.Process.Exit(); code != 0 {
		result.Ended = fmt.Sprintf("after SIGTERM it ended with exit code %d (signal %d)", code, signal)
	}
	return result, nil
}

func (f *soakFlags) load(ctx context.Context, v *server, material soak.Material, out io.Writer) (soak.Result, error) {
	states, err := v.capability(ctx)
	if err != nil {
		return soak.Result{}, err
	}
	patient.CloseIdleConnections() // what the server holds is counted, and these are none of the soak's
	o := soak.Options{
		URL: v.url, PID: v.Process.PID(), Material: material, Rate: cmp.Or(f.Rate, soakLoad*states.CapacityRPS), Rush: soakRush * states.Slots * (1 + queuePerSlot),
		Timeout: workTimeout, Length: f.Length, Every: min(soakLooks, f.Length/10), Settle: f.Settle, Seed: f.Seed,
	}
	fmt.Fprintf(out, "A server of %g CPUs that states %.1f pictures/s gets %.1f requests/s for %v, seed %d.\n", f.CPU, states.CapacityRPS, o.Rate, f.Length, f.Seed)
	next := 0 * time.Second
	o.Progress = func(v soak.Vitals) {
		if at := time.Duration(v.Second * float64(time.Second)); at >= next {
			next += f.Length / soakMarks
			fmt.Fprintf(out, "%8s  %s\n", at.Round(time.Second), vitalsInWords(v))
		}
	}
	return soak.Run(ctx, o)
}

// material is made from all pictures of the folder, whatever their format.
func (f *soakFlags) material(w workplace) (soak.Material, error) {
	files, err := loadPictures(os.DirFS(f.folder()), picture.HasName)
	var pictures []soak.Picture
	for _, p := range files {
		pictures = append(pictures, soak.Picture{Name: p.name, Data: p.data})
	}
	var material soak.Material
	if err == nil {
		material, err = soak.NewMaterial(w.spec, pictures, int(f.Largest))
	}
	if err != nil {
		return material, command.Check(false, "--images", f.folder(), err.Error())
	}
	return material, nil
}

func (f *soakFlags) save(result soak.Result) error {
	if f.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.JSON, append(text, '\n'), 0o644)
}
