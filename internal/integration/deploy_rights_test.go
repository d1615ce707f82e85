package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testRights compares all rights there are with those that the programs need. What is not in the list nobody has: not a Secret, and
// not nodes/proxy, which opens a shell in every pod.
func testRights(t *testing.T, objects []metav1.Object) {
	same(t, rights(t, objects), map[string]string{
		"dispatcher": "list,watch discovery.k8s.io/endpointslices; list,watch,create /events",
		"prometheus": "everywhere list,watch /nodes; everywhere get /nodes/metrics; list,watch /pods",
		"autoscaler": "get apps/deployments resnet-inference; get,patch apps/deployments/scale resnet-inference; list,watch /pods; " +
			"list autoscaling/horizontalpodautoscalers; get,update coordination.k8s.io/leases resnet-inference-autoscaler; " +
			"create coordination.k8s.io/leases; create /events",
	})
}

// rights are what the bindings give, by ServiceAccount.
func rights(t *testing.T, objects []metav1.Object) map[string]string {
	t.Helper()
	got := map[string]string{}
	give := func(subjects []rbacv1.Subject, where string, rules []rbacv1.PolicyRule) {
		for _, s := range subjects {
			named[*corev1.ServiceAccount](t, objects, s.Name)
			if s.Kind != rbacv1.ServiceAccountKind {
				t.Errorf("a %s %s has rights", s.Kind, s.Name)
			}
			for _, r := range rules {
				got[s.Name] = strings.TrimPrefix(got[s.Name]+"; "+where+right(r), "; ")
			}
		}
	}
	for _, b := range all[*rbacv1.ClusterRoleBinding](objects) {
		give(b.Subjects, "everywhere ", named[*rbacv1.ClusterRole](t, objects, b.RoleRef.Name).Rules)
	}
	for _, b := range all[*rbacv1.RoleBinding](objects) {
		if b.RoleRef.Kind != "Role" {
			t.Errorf("%s binds a %s", b.Name, b.RoleRef.Kind)
			continue
		}
		give(b.Subjects, "", named[*rbacv1.Role](t, objects, b.RoleRef.Name).Rules)
	}
	return got
}

func right(r rbacv1.PolicyRule) string {
	what := make([]string, 0, len(r.Resources))
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			what = append(what, group+"/"+resource)
		}
	}
	what = append(what, r.NonResourceURLs...)
	return strings.TrimSpace(strings.Join(r.Verbs, ",") + " " + strings.Join(what, ",") + " " + strings.Join(r.ResourceNames, ","))
}

// testNetwork: who reaches which pods. Egress is limited only where nothing has to be asked.
func testNetwork(t *testing.T, objects []metav1.Object) {
	got := map[string]string{}
	for _, p := range all[*networkingv1.NetworkPolicy](objects) {
		app := p.Spec.PodSelector.MatchLabels["app"]
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				got[app] += fmt.Sprintf("%s from %s", port.Port, peers(rule.From))
			}
		}
		if slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
			got[app] += fmt.Sprintf(", to %d", len(p.Spec.Egress))
		}
		if !slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
			t.Errorf("%s does not limit who comes in", p.Name)
		}
	}
	same(t, got, map[string]string{
		"resnet":     "http from dispatcher,prometheus, to 0",
		"dispatcher": "http from all",
		"prometheus": "http from all", // the API server's service proxy comes from where no selector reaches
		"autoscaler": "http from prometheus",
		"grafana":    "http from all",
	})
}

func peers(from []networkingv1.NetworkPolicyPeer) string {
	if len(from) == 0 {
		return "all"
	}
	names := make([]string, len(from))
	for i, f := range from {
		if f.PodSelector == nil || f.NamespaceSelector != nil || f.IPBlock != nil {
			return "elsewhere"
		}
		names[i] = f.PodSelector.MatchLabels["app"]
	}
	return strings.Join(names, ",")
}
