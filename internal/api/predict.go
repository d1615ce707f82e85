// Package api is what the parts of the system say to each other over HTTP: requests, answers, errors, header and path names.
// One definition serves the model server, the dispatcher and the load tester.
package api

// Prediction is one ranked label of an answer.
type Prediction struct {
	ClassID     int     `json:"class_id"`
	Synset      string  `json:"synset"`
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// TimingMS is where the time of a request went inside the model server, in milliseconds.
type TimingMS struct {
	Queue      float64 `json:"queue"`
	Decode     float64 `json:"decode"`
	Preprocess float64 `json:"preprocess"`
	Inference  float64 `json:"inference"`
}

// PredictResponse answers POST /predict: the likeliest classes, highest first. Probabilities are the softmax over all classes.
type PredictResponse struct {
	Model        string       `json:"model"`
	ModelVersion string       `json:"model_version"`
	Predictions  []Prediction `json:"predictions"`
	Timing       TimingMS     `json:"timing_ms"`
}
