package loadtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"

	"resnet-autoscaling/internal/oip"
)

// Form is how a picture becomes a request. The zero Form is the picture itself as the body.
type Form struct {
	Path string // where such requests go when nothing else is said; "": /predict
	make func(Picture) (payload, error)
}

// payload is a request but for where it goes.
type payload struct {
	header http.Header
	body   []byte
	synset string
}

// Raw is the picture as the body.
func Raw() Form { return Form{} }

func rawPayload(p Picture) (payload, error) {
	return payload{header: http.Header{"Content-Type": {p.ContentType}}, body: p.Data}, nil
}

// Multipart is the picture in the field file of an HTML form.
func Multipart() Form {
	return Form{make: func(p Picture) (payload, error) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition("file", p.Name)}, "Content-Type": {p.ContentType},
		})
		if err != nil {
			return payload{}, err
		}
		part.Write(p.Data) // a buffer takes all
		if err := form.Close(); err != nil {
			return payload{}, err
		}
		return payload{header: http.Header{"Content-Type": {form.FormDataContentType()}}, body: body.Bytes()}, nil
	}}
}

// V2 is the picture as the Open Inference Protocol's tensor image of BYTES, in its binary form, for a model.
func V2(model string) Form {
	return Form{
		Path: "/v2/models/" + model + "/infer",
		make: func(p Picture) (payload, error) {
			element := append(binary.LittleEndian.AppendUint32(nil, uint32(len(p.Data))), p.Data...)
			head, err := json.Marshal(map[string]any{
				"inputs": []any{map[string]any{
					"name": "image", "shape": []int{1}, "datatype": "BYTES", "parameters": map[string]int{"binary_data_size": len(element)},
				}},
			})
			if err != nil {
				return payload{}, err
			}
			header := http.Header{"Content-Type": {"application/octet-stream"}}
			header.Set(oip.HeaderLength, strconv.Itoa(len(head)))
			return payload{header: header, body: append(head, element...)}, nil
		},
	}
}

// payloads are the requests, made once: sending one costs no more than its bytes.
func (o Options) payloads() ([]payload, error) {
	form := o.Form.make
	if form == nil {
		form = rawPayload
	}
	all := make([]payload, len(o.Pictures))
	for i, p := range o.Pictures {
		one, err := form(p)
		if err != nil {
			return nil, fmt.Errorf("picture %s: %w", p.Name, err)
		}
		for name, values := range o.Header {
			one.header[name] = values
		}
		one.synset = p.Synset
		all[i] = one
	}
	return all, nil
}
