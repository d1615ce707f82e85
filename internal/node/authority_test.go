package node

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"resnet-autoscaling/internal/api"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// delegatedTo is an API server at which the token "good" is prometheus, who may get nodes/metrics of node here, and the certificate of
// the API server may do anything. The end-to-end test asks a real one.
func delegatedTo(broken bool) *delegated {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
		if broken {
			return true, nil, errors.New("away")
		}
		review.Status.Authenticated = review.Spec.Token == "good"
		review.Status.User = authenticationv1.UserInfo{Username: "prometheus"}
		return true, review, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		what := review.Spec.ResourceAttributes
		review.Status.Allowed = len(review.Spec.Groups) > 0 && review.Spec.Groups[0] == "system:masters" ||
			review.Spec.User == "prometheus" && what.Verb == "get" && what.Resource == "nodes" && what.Subresource == "metrics" && what.Name == "here"
		return true, review, nil
	})
	return &delegated{node: "here", tokens: client.AuthenticationV1().TokenReviews(), reviews: client.AuthorizationV1().SubjectAccessReviews()}
}

func TestTheAPIServerSaysWhoMay(t *testing.T) {
	master := &x509.Certificate{Subject: pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}}
	for name, c := range map[string]struct {
		token       string
		certificate *x509.Certificate
		subresource string
		broken      bool
		status      int
	}{
		"who may":                         {token: "good", subresource: "metrics", status: 0},
		"who may do something else":       {token: "good", subresource: "log", status: http.StatusForbidden},
		"a stranger":                      {token: "bad", subresource: "metrics", status: http.StatusUnauthorized},
		"nobody":                          {subresource: "metrics", status: http.StatusUnauthorized},
		"a certificate":                   {certificate: master, subresource: "log", status: 0},
		"an API server that is not there": {token: "good", subresource: "metrics", broken: true, status: http.StatusServiceUnavailable},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics/cadvisor", nil)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		if c.certificate != nil {
			r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{c.certificate}}}
		}
		err := delegatedTo(c.broken).allow(r, c.subresource)
		var problem *api.Problem
		status := 0
		if errors.As(err, &problem) {
			status = problem.Status
		}
		if status != c.status || (err == nil) != (c.status == 0) {
			t.Errorf("%s: %v, want status %d", name, err, c.status)
		}
	}
}
