package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"resnet-autoscaling/internal/api"
)

// asking is how a server wants a picture, and how it answers: its natural API.
type asking struct {
	how         string // for the table
	path        string
	contentType string
	before      string
	base64      bool
	after       string
	best        func(body []byte) (api.Prediction, error)
}

const boundary = "boundary-of-a-form"

// form is a multipart form with the picture as its field file.
var form = asking{
	how: "form", path: api.PathPredict, contentType: "multipart/form-data; boundary=" + boundary,
	before: "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
	after:  "\r\n--" + boundary + "--\r\n",
	best:   bestPrediction,
}

// kserveV1 is KServe's first protocol.
var kserveV1 = asking{
	how: "base64 in JSON", path: "/v1/models/resnet18:predict", contentType: "application/json",
	before: `{"instances":[{"image":{"b64":"`, base64: true, after: `"}}]}`,
	best: bestPrediction,
}

// inferenceV2 is the Open Inference Protocol, without its binary extension.
var inferenceV2 = asking{
	how: "base64 in JSON", path: "/v2/models/resnet18/infer", contentType: "application/json",
	before: `{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["`, base64: true, after: `"]}]}`,
	best: bestOutput,
}

// request asks about a picture that is marked with a number.
func (a asking) request(server string, p photo, number uint64) (*http.Request, error) {
	comment := mark(number)
	parts := [][]byte{[]byte(a.before), p.data[:2], comment[:], p.data[2:], []byte(a.after)}
	if a.base64 {
		whole := bytes.Join(parts[1:4], nil)
		parts = [][]byte{parts[0], base64.StdEncoding.AppendEncode(nil, whole), parts[4]}
	}
	readers, length := make([]io.Reader, len(parts)), int64(0)
	for i, part := range parts {
		readers[i], length = bytes.NewReader(part), length+int64(len(part))
	}
	request, err := http.NewRequest(http.MethodPost, server+a.path, io.MultiReader(readers...))
	if err != nil {
		return nil, err
	}
	request.ContentLength = length
	request.Header.Set("Content-Type", a.contentType)
	return request, nil
}

func bestPrediction(body []byte) (api.Prediction, error) {
	var answer api.PredictResponse
	if err := json.Unmarshal(body, &answer); err != nil {
		return api.Prediction{}, fmt.Errorf("the answer: %w", err)
	}
	if len(answer.Predictions) == 0 {
		return api.Prediction{}, errors.New("the answer has no predictions")
	}
	return answer.Predictions[0], nil
}

func bestOutput(body []byte) (api.Prediction, error) {
	var answer struct {
		Outputs []struct {
			Name string   `json:"name"`
			Data []string `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return api.Prediction{}, fmt.Errorf("the answer: %w", err)
	}
	for _, output := range answer.Outputs {
		if output.Name == "synset" && len(output.Data) > 0 {
			return api.Prediction{Synset: output.Data[0]}, nil
		}
	}
	return api.Prediction{}, errors.New("the answer has no output synset")
}
