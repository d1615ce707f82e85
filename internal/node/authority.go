package node

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// authority says who may ask the node's port for something of a node: metrics, log.
type authority interface {
	allow(r *http.Request, subresource string) error
}

func (o Options) authority() (authority, error) {
	if o.Token != "" {
		return oneToken(o.Token), nil
	}
	tokens, err := authenticationv1client.NewForConfig(o.Config)
	if err != nil {
		return nil, err
	}
	reviews, err := authorizationv1client.NewForConfig(o.Config)
	if err != nil {
		return nil, err
	}
	return &delegated{node: o.Name, tokens: tokens.TokenReviews(), reviews: reviews.SubjectAccessReviews()}, nil
}

// authorize guards a route.
func (a *Agent) authorize(subresource string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := a.authority.allow(r, subresource); err != nil {
				var problem *api.Problem
				if errors.As(err, &problem) && problem.Status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", "Bearer")
				}
				httpserve.WriteError(w, r, err, a.o.Log)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// oneToken lets in whoever has the one token that there is.
type oneToken string

// allow compares hashes, since a comparison that takes the same time needs the same length.
func (t oneToken) allow(r *http.Request, _ string) error {
	want, got := sha256.Sum256([]byte(t)), sha256.Sum256([]byte(bearer(r)))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return api.NewProblem(http.StatusUnauthorized, "unauthorized", "send the API server's token as Authorization: Bearer TOKEN")
	}
	return nil
}

// delegated asks the API server who has the token and what that one may do, as a kubelet with webhook authorization does. The API
// server itself shows a certificate instead, which the TLS configuration has verified.
type delegated struct {
	node    string
	tokens  authenticationv1client.TokenReviewInterface
	reviews authorizationv1client.SubjectAccessReviewInterface
}

func (d *delegated) allow(r *http.Request, subresource string) error {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	who, err := d.identify(ctx, r)
	if err != nil {
		return err
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.Username, Groups: who.Groups, UID: who.UID,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Version: "v1", Resource: "nodes", Subresource: subresource, Name: d.node},
	}}
	answer, err := d.reviews.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return api.NewProblem(http.StatusServiceUnavailable, "no-authority", "the API server was asked who may do this, and did not say: %v", err)
	}
	if !answer.Status.Allowed {
		return api.NewProblem(http.StatusForbidden, "forbidden", "%s may not get nodes/%s of node %s", who.Username, subresource, d.node)
	}
	return nil
}

func (d *delegated) identify(ctx context.Context, r *http.Request) (authenticationv1.UserInfo, error) {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		subject := r.TLS.VerifiedChains[0][0].Subject
		return authenticationv1.UserInfo{Username: subject.CommonName, Groups: subject.Organization}, nil
	}
	token := bearer(r)
	if token == "" {
		return authenticationv1.UserInfo{}, api.NewProblem(http.StatusUnauthorized, "unauthorized", "send a token of the cluster as Authorization: Bearer TOKEN")
	}
	answer, err := d.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, api.NewProblem(http.StatusServiceUnavailable, "no-authority", "the API server was asked whose token this is, and did not say: %v", err)
	}
	if !answer.Status.Authenticated {
		return authenticationv1.UserInfo{}, api.NewProblem(http.StatusUnauthorized, "unauthorized", "the API server does not know this token")
	}
	return answer.Status.User, nil
}
