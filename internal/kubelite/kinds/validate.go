package kinds

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateReplicas is the rule for a number of replicas, whichever way it comes.
func ValidateReplicas(n int32) field.ErrorList {
	return validation.ValidateNonnegativeField(int64(n), field.NewPath("spec", "replicas"))
}

func validateDeployment(d, old *appsv1.Deployment) field.ErrorList {
	spec := field.NewPath("spec")
	errs := ValidateReplicas(*d.Spec.Replicas)
	errs = append(errs, validation.ValidateNonnegativeField(int64(d.Spec.MinReadySeconds), spec.Child("minReadySeconds"))...)
	errs = append(errs, validateSelector(d.Spec.Selector, d.Spec.Template.Labels)...)
	if old != nil {
		errs = append(errs, validation.ValidateImmutableField(d.Spec.Selector, old.Spec.Selector, spec.Child("selector"))...)
	}
	if d.Spec.Paused {
		errs = append(errs, field.Invalid(spec.Child("paused"), true, "this server has no roll-out to pause"))
	}
	kinds := []appsv1.DeploymentStrategyType{appsv1.RollingUpdateDeploymentStrategyType, appsv1.RecreateDeploymentStrategyType}
	if !slices.Contains(kinds, d.Spec.Strategy.Type) {
		errs = append(errs, field.NotSupported(spec.Child("strategy", "type"), d.Spec.Strategy.Type, kinds))
	}
	template := spec.Child("template", "spec")
	if d.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(template.Child("restartPolicy"), d.Spec.Template.Spec.RestartPolicy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	return append(errs, validatePodSpec(&d.Spec.Template.Spec, template)...)
}

func validateSelector(s *metav1.LabelSelector, template map[string]string) field.ErrorList {
	path := field.NewPath("spec", "selector")
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := metavalidation.ValidateLabelSelector(s, metavalidation.LabelSelectorValidationOptions{}, path)
	if len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(path, s, "empty selector is invalid for deployment"))
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err == nil && !selector.Matches(labels.Set(template)) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "template", "metadata", "labels"), template, "`selector` does not match template `labels`"))
	}
	return errs
}

func validatePod(p, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := validatePodSpec(&p.Spec, path)
	if old != nil && !equality.Semantic.DeepEqual(fixed(p.Spec), fixed(old.Spec)) {
		errs = append(errs, field.Forbidden(path, "pod updates may not change fields other than `spec.containers[*].image`, `spec.terminationGracePeriodSeconds`, `spec.tolerations`"))
	}
	return errs
}

// fixed is what of a pod's spec may not change; the node is the exception that only a scheduler makes, once.
func fixed(s corev1.PodSpec) corev1.PodSpec {
	s = *s.DeepCopy()
	s.TerminationGracePeriodSeconds, s.Tolerations = nil, nil
	for i := range s.Containers {
		s.Containers[i].Image = ""
	}
	return s
}

func validatePodSpec(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(path.Child("containers"), ""))
	}
	errs = append(errs, validation.ValidateNonnegativeField(*s.TerminationGracePeriodSeconds, path.Child("terminationGracePeriodSeconds"))...)
	seen := map[string]bool{}
	for i := range s.Containers {
		at := path.Child("containers").Index(i)
		errs = append(errs, validateContainer(&s.Containers[i], at)...)
		if seen[s.Containers[i].Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), s.Containers[i].Name))
		}
		seen[s.Containers[i].Name] = true
	}
	return errs
}

func validateContainer(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		errs = append(errs, invalid(path.Child("name"), c.Name, utilvalidation.IsDNS1123Label(c.Name))...)
	}
	if c.Image == "" {
		errs = append(errs, field.Required(path.Child("image"), ""))
	}
	for i, p := range c.Ports {
		at := path.Child("ports").Index(i)
		errs = append(errs, invalid(at.Child("containerPort"), p.ContainerPort, utilvalidation.IsValidPortNum(int(p.ContainerPort)))...)
		if p.Name != "" {
			errs = append(errs, invalid(at.Child("name"), p.Name, utilvalidation.IsValidPortName(p.Name))...)
		}
	}
	for name, request := range c.Resources.Requests {
		at := path.Child("resources", "requests").Key(string(name))
		if request.Sign() < 0 {
			errs = append(errs, field.Invalid(at, request.String(), "must be greater than or equal to 0"))
		}
		if limit, limited := c.Resources.Limits[name]; limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(at, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	return errs
}

func validateService(s, _ *corev1.Service) field.ErrorList {
	path := field.NewPath("spec", "ports")
	var errs field.ErrorList
	if len(s.Spec.Ports) == 0 && s.Spec.ClusterIP != corev1.ClusterIPNone && s.Spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(path, ""))
	}
	seen := map[string]bool{}
	for i, p := range s.Spec.Ports {
		at := path.Index(i)
		switch {
		case p.Name == "" && len(s.Spec.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), ""))
		case p.Name != "":
			errs = append(errs, invalid(at.Child("name"), p.Name, utilvalidation.IsDNS1123Label(p.Name))...)
		}
		if seen[p.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
		}
		seen[p.Name] = true
		errs = append(errs, invalid(at.Child("port"), p.Port, utilvalidation.IsValidPortNum(int(p.Port)))...)
		errs = append(errs, validateTarget(p.TargetPort, at.Child("targetPort"))...)
	}
	return errs
}

func validateTarget(target intstr.IntOrString, path *field.Path) field.ErrorList {
	if target.Type == intstr.Int {
		return invalid(path, target.IntVal, utilvalidation.IsValidPortNum(target.IntValue()))
	}
	return invalid(path, target.StrVal, utilvalidation.IsValidPortName(target.StrVal))
}

func validateEndpointSlice(s, _ *discoveryv1.EndpointSlice) field.ErrorList {
	var errs field.ErrorList
	if s.AddressType == "" {
		errs = append(errs, field.Required(field.NewPath("addressType"), ""))
	}
	for i, e := range s.Endpoints {
		at := field.NewPath("endpoints").Index(i).Child("addresses")
		if len(e.Addresses) == 0 {
			errs = append(errs, field.Required(at, "must contain at least 1 address"))
		}
		for j, address := range e.Addresses {
			if s.AddressType != discoveryv1.AddressTypeFQDN {
				errs = append(errs, utilvalidation.IsValidIP(at.Index(j), address)...)
			}
		}
	}
	return errs
}

func invalid(path *field.Path, value any, faults []string) field.ErrorList {
	var errs field.ErrorList
	for _, fault := range faults {
		errs = append(errs, field.Invalid(path, value, fault))
	}
	return errs
}
