package command

import "os"

// CheckWritable returns a *Misuse unless the file can be written, which makes it where there is none: better found out now than after
// the work that was to be written there.
func CheckWritable(flag, name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return &Misuse{Flag: flag, Value: name, Rule: "must be a file that can be written: " + err.Error()}
	}
	return nil
}
