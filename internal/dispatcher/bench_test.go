package dispatcher_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/dispatcher"
)

// What a request of 100 kB costs, with the client and the replica in the same process: compare before and after a change.
func BenchmarkForward(b *testing.B) {
	instant := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"predictions":[]}`)
	}
	url := dispatch(b, func(o *dispatcher.Options) { o.MaxBody, o.MaxHeldBytes = 10<<20, 64<<20 }, replica(b, instant), replica(b, instant))
	picture := make([]byte, 100_000)
	b.SetBytes(int64(len(picture)))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := http.Post(url+api.PathPredict, "image/jpeg", bytes.NewReader(picture))
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("answered %d", resp.StatusCode)
		}
	}
}
