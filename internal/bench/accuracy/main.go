// Command accuracy measures what the model server's answers are worth: it asks a server for every picture of a folder, once for each
// precision of the model, and compares the answers with the truth, with a reference and with each other.
//
// It exits with 0 if every budget is kept that the pictures can tell, 1 if one is missed, and 2 if it could not measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	kept     = 0
	missed   = 1
	unusable = 2
)

type options struct {
	data, server, model, reference, out string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return kept
	}
	if err == nil {
		var e evaluation
		if e, err = o.measure(ctx, stderr); err == nil {
			err = o.publish(e, stdout)
		}
		if err == nil && !e.kept() {
			return missed
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "accuracy:", err)
		return unusable
	}
	return kept
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("accuracy", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.data, "data", "", "`DIR` of JPEGs: a folder for each synset, or files named synset_label.JPEG (required)")
	f.StringVar(&o.server, "server", "../../bin/model-server", "the model server's `FILE`")
	f.StringVar(&o.model, "model", "../../models/resnet18-imagenette", "the model's `DIR`; each precision in its model.json is measured")
	f.StringVar(&o.reference, "reference", "", "JSON `FILE` {\"logits\":{\"…/folder/file\":[…]}} to compare with; without it no budget that needs a reference is judged")
	f.StringVar(&o.out, "out", "", "also write the report to this `FILE`, as Markdown")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q: every option starts with --", f.Arg(0))
	}
	if o.data == "" {
		return o, errors.New("--data is required: a folder of pictures")
	}
	return o, nil
}

// measure asks a server of each precision in turn.
func (o options) measure(ctx context.Context, progress io.Writer) (evaluation, error) {
	m, err := readModel(o.model)
	if err != nil {
		return evaluation{}, err
	}
	e := evaluation{classes: m.labels}
	if e.pictures, err = findPictures(o.data, m.synsets); err != nil {
		return e, err
	}
	if o.reference != "" {
		r, err := readReference(o.reference, e.pictures, len(m.labels))
		if err != nil {
			return e, err
		}
		e.reference = &r
	}
	for _, precision := range m.precisions {
		fmt.Fprintf(progress, "accuracy: %s: %d pictures\n", precision, len(e.pictures))
		a, err := o.ask(ctx, precision, e.pictures, len(m.labels))
		if err != nil {
			return e, fmt.Errorf("precision %s: %w", precision, err)
		}
		e.measured = append(e.measured, a)
	}
	return e, nil
}

func (o options) publish(e evaluation, stdout io.Writer) error {
	text := e.markdown()
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}
