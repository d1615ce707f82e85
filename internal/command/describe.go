package command

import (
	"encoding/json"

	"github.com/alecthomas/kong"
)

// Described is a command line as data, which --describe prints: what --help says, for the documentation and for tests.
type Described struct {
	Name      string      `json:"name"`
	Help      string      `json:"help"`
	Arguments []Argument  `json:"arguments,omitempty"`
	Flags     []Flag      `json:"flags,omitempty"`
	Commands  []Described `json:"commands,omitempty"`
}

// Argument is what is told by its place.
type Argument struct {
	Name string `json:"name"`
	Help string `json:"help"`
}

// Flag is a flag that --help shows.
type Flag struct {
	Name        string `json:"name"` // with its dashes
	Short       string `json:"short,omitempty"`
	Variable    string `json:"variable,omitempty"`
	Default     string `json:"default,omitempty"`
	Placeholder string `json:"placeholder,omitempty"` // how the value is called; "" where the flag is a yes or a no
	Negation    string `json:"negation,omitempty"`
	Help        string `json:"help"`
}

// describeFlag prints the command line as JSON and ends the program, as --version does.
type describeFlag bool

// BeforeReset is called by kong before it asks for anything else.
func (describeFlag) BeforeReset(app *kong.Kong) error {
	out := json.NewEncoder(app.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(describe(app.Model.Node)); err != nil {
		return err
	}
	app.Exit(ExitDone)
	return nil
}

func describe(n *kong.Node) Described {
	d := Described{Name: n.Name, Help: n.Help}
	for _, a := range n.Positional {
		d.Arguments = append(d.Arguments, Argument{Name: a.Name, Help: a.Help})
	}
	for _, f := range n.Flags {
		if !f.Hidden && f.Name != "help" {
			d.Flags = append(d.Flags, describeOne(f))
		}
	}
	for _, c := range n.Children {
		d.Commands = append(d.Commands, describe(c))
	}
	return d
}

func describeOne(f *kong.Flag) Flag {
	d := Flag{Name: "--" + f.Name, Default: f.Default, Help: f.Help}
	if f.Short != 0 {
		d.Short = "-" + string(f.Short)
	}
	if len(f.Envs) > 0 {
		d.Variable = f.Envs[0]
	}
	if !f.IsBool() {
		d.Placeholder = f.PlaceHolder
	}
	if f.Tag.Negatable != "" {
		d.Negation = "--no-" + f.Name
	}
	return d
}
