package kubelite

import (
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parseRevision reads a resourceVersion; 0 stands for any.
func parseRevision(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	revision, err := strconv.ParseInt(text, 10, 64)
	if err != nil || revision < 0 {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("resourceVersion: Invalid value: %q: must be a resourceVersion that this server gave", text))
	}
	return revision, nil
}

// checkRevision refuses a list of another revision than there is: only the present is kept.
func checkRevision(text, match string, present int64) error {
	asked, err := parseRevision(text)
	switch {
	case err != nil:
		return err
	case asked > present:
		return tooLarge(asked, present)
	case match == string(metav1.ResourceVersionMatchExact) && asked != present:
		return apierrors.NewResourceExpired(fmt.Sprintf("The provided resource version is too old: %d (%d)", asked, present))
	}
	return nil
}

// tooLarge: the client has seen a revision that this server has not reached, as one from before a restart.
func tooLarge(asked, present int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", asked, present), 1)
	err.ErrStatus.Code = http.StatusGatewayTimeout
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}
