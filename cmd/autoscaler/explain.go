package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/command"
)

var aboutExplain = command.About{
	Name: "autoscaler explain",
	Description: `Tells why there are as many replicas as there are: what the last decision saw, what load it expected, how well more or fewer replicas
would do, and which guard rail bound it.

It asks a running autoscaler at --autoscaler-url. Where none answers there, it looks for itself, by the same flags as the autoscaler's, and tells
what one that started now would decide. It changes nothing either way.`,
}

type explanation struct {
	settings
	URL    string `name:"autoscaler-url" default:"http://localhost:8081" help:"The autoscaler to ask. In a cluster: kubectl port-forward deployment/autoscaler 8081." placeholder:"URL"`
	Output string `short:"o" default:"text" enum:"text,json" help:"text for a person, json for a program."`
}

// Validate checks the URL beside the settings.
func (e *explanation) Validate() error {
	_, err := command.WebURL("--autoscaler-url", e.URL, "http://localhost:8081")
	return errors.Join(e.settings.Validate(), err)
}

// errNobody is that no autoscaler answers.
var errNobody = errors.New("no autoscaler answers")

// Run tells the last decision.
func (e *explanation) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	account, err := e.ask(ctx)
	source := "the autoscaler at " + e.URL
	if errors.Is(err, errNobody) {
		log.Info("nobody answers; this is what an autoscaler that started now would do", "url", e.URL, "error", err)
		source = "nobody answers at " + e.URL + ": what one would do that started now"
		account, err = e.look(ctx, log)
	}
	if err != nil {
		return err
	}
	if len(account.Decisions) == 0 {
		return fmt.Errorf("the autoscaler at %s has not decided anything yet: it may stand by for another one that leads", e.URL)
	}
	account.Decisions = account.Decisions[:1]
	if e.Output == "json" {
		return command.WriteJSON(out, account)
	}
	return explainText(out, source, account)
}

// ask asks a running autoscaler.
func (e *explanation) ask(ctx context.Context) (autoscaler.Account, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var account autoscaler.Account
	base, err := url.Parse(e.URL)
	if err != nil {
		return account, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("decisions").String(), nil)
	if err != nil {
		return account, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return account, fmt.Errorf("%w: %w", errNobody, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return account, fmt.Errorf("%s answers %s: is it an autoscaler?", request.URL, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&account); err != nil {
		return account, fmt.Errorf("%s does not answer as an autoscaler does: %w", request.URL, err)
	}
	return account, nil
}

// look observes and decides, and changes nothing.
func (e *explanation) look(ctx context.Context, log *slog.Logger) (autoscaler.Account, error) {
	cluster, err := e.connect()
	if err != nil {
		return autoscaler.Account{}, err
	}
	o, err := e.options(cluster, log)
	if err != nil {
		return autoscaler.Account{}, err
	}
	o.DryRun = true
	service, err := autoscaler.New(o)
	if err != nil {
		return autoscaler.Account{}, err
	}
	if _, err := service.Alone(ctx); err != nil {
		return autoscaler.Account{}, err
	}
	return service.Account(), nil
}
