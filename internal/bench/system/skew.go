package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// skew is the autoscaler's way to Prometheus. It can move the times of what Prometheus answers, which to the autoscaler is the same as if its
// own clock had moved the other way: programs ask the kernel for the time, and a single one of them cannot be told another.
type skew struct {
	url    string
	server *http.Server
	by     atomic.Int64 // a time.Duration
}

func newSkew(prometheus string) (*skew, error) {
	target, err := url.Parse(prometheus)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &skew{url: "http://" + listener.Addr().String()}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Set("Accept-Encoding", "identity") },
		ModifyResponse: s.move,
		ErrorLog:       log.New(io.Discard, "", 0), // that Prometheus is away is what is wanted
	}
	s.server = &http.Server{Handler: proxy, ReadHeaderTimeout: askTimeout}
	go func() { _ = s.server.Serve(listener) }() // until it is closed
	return s, nil
}

func (s *skew) close() { _ = s.server.Close() }

func (s *skew) set(by time.Duration) { s.by.Store(int64(by)) }

// move moves the times of an answer to an instant query.
func (s *skew) move(answer *http.Response) error {
	by := time.Duration(s.by.Load())
	if by == 0 || !strings.HasSuffix(answer.Request.URL.Path, "/query") || answer.StatusCode != http.StatusOK {
		return nil
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body.Close()
	moved, err := moved(text, by)
	if err != nil {
		return err
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(moved)), int64(len(moved))
	answer.Header.Set("Content-Length", strconv.Itoa(len(moved)))
	return nil
}

// vector is an instant query's answer, as far as it has times.
type vector struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric json.RawMessage    `json:"metric"`
			Value  [2]json.RawMessage `json:"value"`
		} `json:"result"`
	} `json:"data"`
}

func moved(text []byte, by time.Duration) ([]byte, error) {
	var v vector
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	for i := range v.Data.Result {
		at, err := strconv.ParseFloat(string(v.Data.Result[i].Value[0]), 64)
		if err != nil {
			return nil, err
		}
		v.Data.Result[i].Value[0] = strconv.AppendFloat(nil, at+by.Seconds(), 'f', 3, 64)
	}
	return json.Marshal(v)
}
