package modelserver

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
)

const (
	fieldFile = "file"
	maxParts  = 32
	// maxToldName is how much of a field's name comes back in an error: it may be as long as the body.
	maxToldName = 40
	defaultTop  = 5
)

// upload is the memory of one request's body and of the form field in it, which the next request takes over.
type upload struct {
	body []byte
	file bytes.Buffer
}

// read is the encoded picture of a request: the body itself, or the form field "file". It is valid until the upload is used again.
func (u *upload) read(w http.ResponseWriter, r *http.Request, maxBody int64) ([]byte, error) {
	mediaType, parameters, err := mediaTypeOf(r)
	if err != nil {
		return nil, err
	}
	body, err := httpserve.ReadBodyInto(w, r, u.body, maxBody)
	if err != nil {
		return nil, err
	}
	u.body = body
	if mediaType == "multipart/form-data" {
		body, err = u.fileOf(parameters["boundary"])
	}
	if err == nil && len(body) == 0 {
		err = api.NewProblem(http.StatusBadRequest, "empty-body", "no picture was sent: put its bytes into the body, or into the form field %q", fieldFile)
	}
	return body, err
}

// mediaTypeOf accepts what may hold a picture. A missing type, and the one that curl claims by default, say nothing: the bytes will.
func mediaTypeOf(r *http.Request) (string, map[string]string, error) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return "", nil, nil
	}
	mediaType, parameters, err := mime.ParseMediaType(header)
	switch {
	case err == nil && mediaType == "multipart/form-data" && parameters["boundary"] == "":
		return "", nil, api.NewProblem(http.StatusBadRequest, "bad-form", "Content-Type %q has no boundary: let your HTTP client set it", header)
	case err == nil && (strings.HasPrefix(mediaType, "image/") || mediaType == "application/octet-stream" ||
		mediaType == "multipart/form-data" || mediaType == "application/x-www-form-urlencoded"):
		return mediaType, parameters, nil
	}
	return "", nil, api.NewProblem(http.StatusUnsupportedMediaType, "unsupported-type",
		"Content-Type is %q: send image/*, application/octet-stream, or multipart/form-data with the field %q", header, fieldFile)
}

// fileOf is the first part named "file" of a form.
func (u *upload) fileOf(boundary string) ([]byte, error) {
	form := multipart.NewReader(bytes.NewReader(u.body), boundary)
	var names []string
	for range maxParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, api.NewProblem(http.StatusBadRequest, "bad-form", "the form is broken: %v", err)
		}
		if part.FormName() == fieldFile {
			u.file.Reset()
			u.file.Grow(len(u.body))
			if _, err := u.file.ReadFrom(part); err != nil {
				return nil, api.NewProblem(http.StatusBadRequest, "bad-form", "the field %q is broken: %v", fieldFile, err)
			}
			return u.file.Bytes(), nil
		}
		name := part.FormName()
		names = append(names, strconv.Quote(name[:min(len(name), maxToldName)]))
	}
	return nil, api.NewProblem(http.StatusBadRequest, "no-file",
		"the form has no field %q, only [%s]: with curl, send -F %s=@picture.jpg", fieldFile, strings.Join(names, " "), fieldFile)
}

// topK is ?top_k=, 1 to the number of classes.
func topK(r *http.Request, classes int) (int, error) {
	query := r.URL.Query()
	if !query.Has("top_k") {
		return min(defaultTop, classes), nil
	}
	k, err := strconv.Atoi(query.Get("top_k"))
	if err != nil || k < 1 || k > classes {
		return 0, api.NewProblem(http.StatusBadRequest, "bad-parameter", "top_k is %q: send a whole number from 1 to %d", query.Get("top_k"), classes)
	}
	return k, nil
}
