package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/report"
)

// line is an outcome as --json shows it.
type line struct {
	Trace                string  `json:"trace"`
	Policy               string  `json:"policy"`
	Violations           float64 `json:"violations"`
	ReplicaSeconds       float64 `json:"replica_seconds"`
	Scalings             int     `json:"scalings"`
	Reversals            int     `json:"reversals"`
	OracleReplicaSeconds float64 `json:"oracle_replica_seconds"`
	Cost                 float64 `json:"cost,omitempty"`
}

func printJSON(out io.Writer, outcomes []outcome) error {
	lines := []line{}
	for _, o := range outcomes {
		lines = append(lines, line{
			Trace: o.Trace, Policy: o.policy, Violations: o.Violations(), ReplicaSeconds: o.ReplicaSeconds,
			Scalings: o.Scalings, Reversals: o.Reversals, OracleReplicaSeconds: o.oracle.Instant, Cost: o.cost,
		})
	}
	return command.WriteJSON(out, lines)
}

// print prints a table for each trace, and then what it recommends.
func (s *simulation) print(out io.Writer, outcomes []outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	trace := ""
	for _, o := range outcomes {
		if o.Trace != trace {
			trace = o.Trace
			s.printHead(w, o)
		}
		if !o.recommend {
			fmt.Fprintf(w, "%s\t%.3f %%\t%.0f\t%.3f\t%.3f\t%d\t%d\t%s\n", o.policy, 100*o.Violations(), o.ReplicaSeconds,
				o.ReplicaSeconds/o.oracle.Instant, o.ReplicaSeconds/o.oracle.Holding, o.Scalings, o.Reversals, s.paid(o.ReplicaSeconds))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range outcomes {
		if !o.recommend {
			continue
		}
		if err := recommend(out, o); err != nil {
			return err
		}
	}
	return nil
}

// printHead tells what the table is of, and what the clairvoyants did. The table's writer keeps errors until it is flushed.
func (s *simulation) printHead(w io.Writer, o outcome) {
	hours := float64(o.Seconds) / 3600
	fmt.Fprintf(w, "%s: %.3g h, %d requests; a replica answers %.3g rps, pods start in %v\n", o.Trace, hours, o.Offered, o.capacity, s.StartTime)
	fmt.Fprintln(w, "policy\tviolations\treplica-seconds\t× instant\t× holding\tscalings\treversals\t"+s.money("cost"))
	fmt.Fprintf(w, "clairvoyant, instant\t0\t%.0f\t1\t%.3f\t\t\t%s\n", o.oracle.Instant, o.oracle.Instant/o.oracle.Holding, s.paid(o.oracle.Instant))
	fmt.Fprintf(w, "clairvoyant, holding 60 s\t0\t%.0f\t%.3f\t1\t\t\t%s\n", o.oracle.Holding, o.oracle.Holding/o.oracle.Instant, s.paid(o.oracle.Holding))
}

// recommend tells the flags that did best, and how well.
func recommend(out io.Writer, o outcome) error {
	verdict := "keeps the SLO"
	if o.Violations() > allowed {
		verdict = "comes nearest to the SLO; no setting keeps it"
	}
	_, err := fmt.Fprintf(out, "%s: %s\n  %s: %.3f %% late, %.0f replica-seconds\n", o.Trace, o.flags, verdict, 100*o.Violations(), o.ReplicaSeconds)
	return err
}

// money is a cell of the column that is there only where a replica has a price.
func (s *simulation) money(cell string) string {
	if s.Price == 0 {
		return ""
	}
	return cell + "\t"
}

// paid is what replicas cost.
func (s *simulation) paid(replicaSeconds float64) string {
	return s.money(fmt.Sprintf("%.2f", s.Price*replicaSeconds/3600))
}

func (s *simulation) plot(outcomes []outcome) error {
	page := report.Replay{Command: strings.Join(os.Args, " ")}
	for _, o := range outcomes {
		page.Runs = append(page.Runs, report.ReplayRun{
			Trace: o.Trace, Policy: o.policy, Flags: o.flags, Capacity: o.capacity, Violations: o.Violations(),
			ReplicaSeconds: o.ReplicaSeconds, Oracle: o.oracle.Instant, Scalings: o.Scalings, Reversals: o.Reversals,
			Offered: o.Series.Offered, Bad: o.Series.Bad, Desired: o.Series.Desired, Ready: o.Series.Ready,
		})
	}
	f, err := os.Create(s.HTML)
	if err != nil {
		return err
	}
	return errors.Join(report.WriteReplay(f, page), f.Close())
}
