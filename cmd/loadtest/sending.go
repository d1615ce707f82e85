package main

import (
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
)

// What is sent, and how.

func (f *driving) spacing() pace.Spacing {
	if f.Poisson {
		return pace.Poisson(f.Seed)
	}
	return pace.Even()
}

func (f *driving) form() loadtest.Form {
	switch {
	case f.Protocol == "v2":
		return loadtest.V2(f.Model)
	case f.Form == "multipart":
		return loadtest.Multipart()
	default:
		return loadtest.Raw()
	}
}

func (f *driving) header() (http.Header, error) {
	header := http.Header{}
	for _, line := range f.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(name, " \t\r\n/") {
			return nil, &command.Misuse{Flag: "--header", Value: withheld, Rule: "must be NAME: VALUE"}
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

func (f *driving) roots() (*x509.CertPool, error) {
	if f.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, &command.Misuse{Flag: "--ca", Value: f.CA, Rule: "must be a file of certificates: " + err.Error()}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, &command.Misuse{Flag: "--ca", Value: f.CA, Rule: "must hold a certificate as PEM"}
	}
	return roots, nil
}

func (f *driving) pictures() ([]loadtest.Picture, error) {
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
