package main

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
)

func (f *flags) profile() pace.Profile {
	var whole pace.Profile
	for _, p := range f.Profile {
		whole = whole.Then(p)
	}
	return whole
}

func (f *flags) spacing() pace.Spacing {
	if f.Poisson {
		return pace.Poisson(f.Seed)
	}
	return pace.Even()
}

func (f *flags) pictures() ([]loadtest.Picture, error) {
	info, err := os.Stat(f.Images)
	if err != nil {
		return nil, &command.Misuse{Flag: "--images", Value: f.Images, Rule: "must be a picture or a folder of pictures"}
	}
	var pictures []loadtest.Picture
	if info.IsDir() {
		pictures, err = loadtest.LoadPictures(os.DirFS(f.Images))
	} else {
		pictures, err = loadtest.LoadPicture(os.DirFS(filepath.Dir(f.Images)), filepath.Base(f.Images))
	}
	if err != nil || f.Expect == "" {
		return pictures, err
	}
	labels, err := os.Open(f.Expect)
	if err != nil {
		return nil, &command.Misuse{Flag: "--expect", Value: f.Expect, Rule: "must be a CSV of file,synset"}
	}
	defer labels.Close()
	return pictures, loadtest.Expect(pictures, labels)
}

// where is what is known about where to send, and the Deployment behind it: nil where there is no cluster.
func (f *flags) where(client *http.Client) (loadtest.Where, *kube.Deployment, error) {
	w := loadtest.Where{Client: client, Default: &url.URL{Scheme: "http", Host: "localhost:8080", Path: api.PathPredict}}
	if f.URL != "" {
		said, err := url.Parse(f.URL)
		if err != nil {
			return w, nil, &command.Misuse{Flag: "--url", Value: f.URL, Rule: err.Error()}
		}
		w.Said = said
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, UserAgent: about.Name})
	var misuse *command.Misuse
	switch {
	case errors.As(err, &misuse):
		return w, nil, err
	case err != nil:
		return w, nil, nil // no cluster is nothing unusual: the service may run without one
	}
	w.Cluster = cluster
	deployment, err := cluster.Deployment(f.Deployment)
	if err != nil {
		return w, nil, err
	}
	return w, deployment, nil
}
