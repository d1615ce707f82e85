package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rights are all that each ServiceAccount may do beyond what every account may: verbs, resource and names, as kubectl lists them.
var rights = map[string][]string{
	"autoscaler": {
		"create events",
		"create leases.coordination.k8s.io",
		"get deployments.apps [resnet-inference]",
		"get,patch deployments.apps/scale [resnet-inference]",
		"get,update leases.coordination.k8s.io [resnet-inference-autoscaler]",
		"list horizontalpodautoscalers.autoscaling",
		"list,watch pods",
	},
	"dispatcher": {
		"create,list,watch events",
		"list,watch endpointslices.discovery.k8s.io",
	},
	"prometheus": {
		"get nodes/metrics",
		"list,watch nodes",
		"list,watch pods",
	},
}

// row is a line of kubectl auth can-i --list: resources, non-resource URLs, names, verbs.
var row = regexp.MustCompile(`^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]$`)

func (c *cluster) rights(t *testing.T) {
	for account, want := range rights {
		var got []string
		for line := range strings.Lines(c.kubectl(t, "auth", "can-i", "--list", "--as=system:serviceaccount:"+namespace+":"+account)) {
			m := row.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || m[1] == "" || strings.HasPrefix(m[1], "self") {
				continue // the heading, URLs, and reviews of oneself, which everybody may
			}
			verbs := strings.Fields(m[4])
			slices.Sort(verbs)
			right := strings.Join(verbs, ",") + " " + m[1]
			if m[3] != "" {
				right += " [" + m[3] + "]"
			}
			got = append(got, right)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", account, diff)
		}
	}
}
