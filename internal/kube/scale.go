package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/scaling"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

// Deployment is one Deployment as an autoscaler deals with it: it reads it and its pods, and changes nothing but its scale.
type Deployment struct {
	name, namespace string
	apps            rest.Interface // for the scale subresource, which has a kind of its own
	deployments     *deployments
	pods            *pods
	events          *events
	hpas            *hpas
	watched         podWatch
}

// Deployment is the one of this name in the cluster's namespace. It asks nothing yet.
func (c *Cluster) Deployment(name string) (*Deployment, error) {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, &command.Misuse{Flag: "--deployment", Value: name, Rule: "must be the name of a Deployment: at most 253 of a-z, 0-9, - and ."}
	}
	apps, err := c.group(appsv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	core, err := c.group(corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	autoscaling, err := c.group(autoscalingv2.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	return &Deployment{
		name: name, namespace: c.namespace, apps: apps,
		deployments: gentype.NewClient("deployments", apps, parameterCodec, c.namespace, newOf[appsv1.Deployment]),
		pods:        gentype.NewClientWithList("pods", core, parameterCodec, c.namespace, newOf[corev1.Pod], newOf[corev1.PodList]),
		events:      eventsOf(core, c.namespace),
		hpas: gentype.NewClientWithList("horizontalpodautoscalers", autoscaling, parameterCodec, c.namespace,
			newOf[autoscalingv2.HorizontalPodAutoscaler], newOf[autoscalingv2.HorizontalPodAutoscalerList]),
	}, nil
}

// Fleet reads the Deployment and its pods. Pods that ended or are being deleted are left out.
func (d *Deployment) Fleet(ctx context.Context) (scaling.Fleet, error) {
	o, err := d.deployments.Get(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return scaling.Fleet{}, d.failed("read deployment", "get", "deployments", err)
	}
	f := scaling.Fleet{Replicas: 1, CPURequests: map[string]float64{}}
	if o.Spec.Replicas != nil {
		f.Replicas = int(*o.Spec.Replicas)
	}
	f.RollingOut = o.Status.ObservedGeneration < o.Generation || o.Status.UpdatedReplicas < o.Status.Replicas
	if d.watched.addTo(&f) {
		return f, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(o.Spec.Selector)
	if err != nil {
		return scaling.Fleet{}, d.failed("read the selector of deployment", "get", "deployments", err)
	}
	list, err := d.pods.List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return scaling.Fleet{}, d.failed("list the pods of deployment", "list", "pods", err)
	}
	for i := range list.Items {
		factsOf(&list.Items[i]).addTo(&f)
	}
	return f, nil
}

// Desired is how many replicas the Deployment's scale asks for. It reads only the scale subresource.
func (d *Deployment) Desired(ctx context.Context) (int, error) {
	scale, err := d.scale(ctx)
	if err != nil {
		return 0, d.failed("read the scale of deployment", "get", "deployments/scale", err)
	}
	return int(scale.Spec.Replicas), nil
}

// Scale asks for another number of replicas, by the scale subresource alone. It loses no update of others: where somebody changed the
// Deployment since, it looks again, and leaves it alone if the replicas are not from any more.
func (d *Deployment) Scale(ctx context.Context, from, to int) error {
	const attempts = 4
	var err error
	for range attempts {
		scale, readErr := d.scale(ctx)
		if readErr != nil {
			return d.failed("read the scale of deployment", "get", "deployments/scale", readErr)
		}
		if int(scale.Spec.Replicas) != from {
			return d.failed("scale deployment", "patch", "deployments/scale", fmt.Errorf("somebody else made it %d meanwhile", scale.Spec.Replicas))
		}
		if err = d.patchScale(ctx, scale.ResourceVersion, to); !apierrors.IsConflict(err) {
			break
		}
	}
	return d.failed("scale deployment", "patch", "deployments/scale", err)
}

func (d *Deployment) scale(ctx context.Context) (*autoscalingv1.Scale, error) {
	s := &autoscalingv1.Scale{}
	err := d.apps.Get().Namespace(d.namespace).Resource("deployments").Name(d.name).SubResource("scale").Do(ctx).Into(s)
	return s, err
}

func (d *Deployment) patchScale(ctx context.Context, version string, replicas int) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": version},
		"spec":     map[string]any{"replicas": replicas},
	})
	if err != nil {
		return err
	}
	return d.apps.Patch(types.MergePatchType).Namespace(d.namespace).Resource("deployments").Name(d.name).
		SubResource("scale").Body(patch).Do(ctx).Error()
}

// OtherAutoscaler names the HorizontalPodAutoscaler that scales the same Deployment, or is "". KEDA's ScaledObjects work by one too.
func (d *Deployment) OtherAutoscaler(ctx context.Context) (string, error) {
	list, err := d.hpas.List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", d.failed("list the horizontalpodautoscalers of deployment", "list", "horizontalpodautoscalers", err)
	}
	for _, hpa := range list.Items {
		if target := hpa.Spec.ScaleTargetRef; target.Kind != "Deployment" || target.Name != d.name {
			continue
		}
		for _, owner := range hpa.OwnerReferences {
			if owner.Kind == "ScaledObject" {
				return "ScaledObject " + owner.Name, nil
			}
		}
		return "HorizontalPodAutoscaler " + hpa.Name, nil
	}
	return "", nil
}

// Event writes a Kubernetes Event about the Deployment.
func (d *Deployment) Event(ctx context.Context, warning bool, reason, message string, at time.Time) error {
	o, err := d.deployments.Get(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return d.failed("read deployment", "get", "deployments", err)
	}
	kind := corev1.EventTypeNormal
	if warning {
		kind = corev1.EventTypeWarning
	}
	about := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: d.name, Namespace: d.namespace, UID: o.UID, ResourceVersion: o.ResourceVersion}
	_, err = d.events.Create(ctx, newEvent(eventSource, about, kind, reason, message, at), metav1.CreateOptions{})
	return d.failed("write an event about deployment", "create", "events", err)
}

func (d *Deployment) failed(op, verb, resource string, err error) error {
	return failed(op+" "+d.namespace+"/"+d.name, d.namespace, verb, resource, err)
}
