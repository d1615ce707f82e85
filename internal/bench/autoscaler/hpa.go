package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	_ "unsafe" // for go:linkname

	"resnet-autoscaling/internal/simulate"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// The controller's steps, in the order in which reconcileAutoscaler takes them.

//go:linkname computeReplicas k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).computeReplicasForMetrics
func computeReplicas(a *podautoscaler.HorizontalController, ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, scale *autoscalingv1.Scale,
	specs []autoscalingv2.MetricSpec) (int32, string, []autoscalingv2.MetricStatus, time.Time, error)

//go:linkname recordInitial k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).recordInitialRecommendation
func recordInitial(a *podautoscaler.HorizontalController, currentReplicas int32, key string)

//go:linkname normalize k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).normalizeDesiredReplicasWithBehaviors
func normalize(a *podautoscaler.HorizontalController, hpa *autoscalingv2.HorizontalPodAutoscaler, key string, current, desired, minReplicas int32) int32

//go:linkname storeScaleEvent k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).storeScaleEvent
func storeScaleEvent(a *podautoscaler.HorizontalController, behavior *autoscalingv2.HorizontalPodAutoscalerBehavior, key string, prev, next int32)

// The documented defaults of kube-controller-manager.
const (
	hpaSync         = 15 * time.Second
	hpaTolerance    = 0.1
	hpaInitialize   = 5 * time.Minute
	hpaReadiness    = 30 * time.Second
	hpaDownWindow   = 300 * time.Second
	metricsServer   = 15 * time.Second // metrics-server's resolution, and the window of its CPU
	prometheusDelay = 2                // seconds that the newest sample of a scrape every 5 s is old, as our own autoscaler finds it
)

// hpaSetting is a point of the HPA's.
type hpaSetting struct {
	signal     string  // cpu, or rps: an external metric with an AverageValue, which is what KEDA sets
	target     float64 // share of what a replica can do
	downWindow time.Duration
	rateWindow time.Duration // of rps
}

// hpa is the controller on the simulated cluster. passed makes the clock go on.
type hpa struct {
	hpaSetting
	controller *podautoscaler.HorizontalController
	pods       cache.Indexer
	object     *autoscalingv2.HorizontalPodAutoscaler
	view       *simulate.View
	passed     func(time.Duration)
	epoch      time.Time
	started    bool
}

const (
	hpaName      = "resnet-inference"
	hpaNamespace = "default"
	hpaKey       = hpaNamespace + "/" + hpaName
)

// newHPA makes a controller whose context ends with ctx.
func newHPA(ctx context.Context, s hpaSetting, most int, passed func(time.Duration)) *hpa {
	h := &hpa{hpaSetting: s, passed: passed}
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	h.controller = podautoscaler.NewHorizontalController(ctx, client.CoreV1(), nil, client.AutoscalingV2(), nil, h,
		factory.Autoscaling().V2().HorizontalPodAutoscalers(), pods, hpaSync, hpaDownWindow, hpaTolerance, hpaInitialize, hpaReadiness)
	h.pods = pods.Informer().GetIndexer()
	h.object = h.spec(int32(most))
	return h
}

func (h *hpa) String() string {
	if h.signal == "cpu" {
		return fmt.Sprintf("HPA cpu %.0f%%, down %v", 100*h.target, h.downWindow)
	}
	return fmt.Sprintf("HPA rps %.0f%%, rate %v, down %v", 100*h.target, h.rateWindow, h.downWindow)
}

func (h *hpa) Interval() time.Duration { return hpaSync }

// spec has the behavior that the API's defaults have, but for the window.
func (h *hpa) spec(most int32) *autoscalingv2.HorizontalPodAutoscaler {
	largest, zero, down := autoscalingv2.MaxChangePolicySelect, int32(0), int32(h.downWindow/time.Second)
	one := int32(1)
	o := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: hpaName, Namespace: hpaNamespace}}
	o.Spec.MinReplicas, o.Spec.MaxReplicas = &one, most
	o.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &zero, SelectPolicy: &largest, Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15}, {Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		}},
		ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &down, SelectPolicy: &largest, Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		}},
	}
	return o
}

// metrics is what is asked for: it depends on the capacity, which the first look tells.
func (h *hpa) metrics() []autoscalingv2.MetricSpec {
	if h.signal == "cpu" {
		percent := int32(math.Round(100 * h.target))
		return []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
		}}}
	}
	value := resource.NewMilliQuantity(int64(1000*h.target*h.view.Cluster().Capacity), resource.DecimalSI)
	return []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: "requests"},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: value},
	}}}
}

// Replicas is one sync.
func (h *hpa) Replicas(v *simulate.View) int {
	h.view = v
	current := int32(v.Desired())
	if h.started {
		h.passed(hpaSync)
	} else {
		h.started, h.epoch = true, time.Now()
		recordInitial(h.controller, current, hpaKey)
	}
	h.listPods()
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: current}, Status: autoscalingv1.ScaleStatus{Replicas: current, Selector: "app=resnet"}}
	desired, _, _, _, err := computeReplicas(h.controller, context.Background(), h.object, scale, h.metrics())
	if err != nil {
		return int(current)
	}
	next := normalize(h.controller, h.object, hpaKey, current, desired, 1)
	if next != current {
		storeScaleEvent(h.controller, h.object.Spec.Behavior, hpaKey, current, next)
	}
	h.object.Status.Conditions = nil // the controller starts each sync from a fresh copy
	return int(next)
}

// at is a second of the simulation on the clock.
func (h *hpa) at(second float64) metav1.Time {
	return metav1.NewTime(h.epoch.Add(time.Duration(second * float64(time.Second))))
}

func podName(n int) string { return fmt.Sprintf("%s-%d", hpaName, n) }

func (h *hpa) listPods() {
	var pods []any
	for _, p := range h.view.Pods() {
		status, started := corev1.ConditionFalse, h.at(p.Started)
		if p.Ready {
			status = corev1.ConditionTrue
		}
		pods = append(pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: podName(p.Name), Namespace: hpaNamespace, Labels: map[string]string{"app": "resnet"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "resnet", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(int64(h.view.Cluster().Slots), resource.DecimalSI)},
			}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: status, LastTransitionTime: h.at(p.Since)},
			}},
		})
	}
	_ = h.pods.Replace(pods, "") // a cache in memory cannot fail
}

// GetResourceMetric is metrics-server: CPU over its last window, of pods that it has seen twice.
func (h *hpa) GetResourceMetric(context.Context, corev1.ResourceName, string, labels.Selector, string) (metricsclient.PodMetricsInfo, time.Time, error) {
	window := int(metricsServer / time.Second)
	end := h.view.Second() / window * window
	from := h.view.At(end - window)
	to := h.view.At(end)
	info := metricsclient.PodMetricsInfo{}
	if end < window || to.Ready <= from.Ready {
		return info, time.Time{}, errors.New("no metrics yet")
	}
	busy := (to.Busy - from.Busy) / (to.Ready - from.Ready)
	for _, p := range h.view.Pods() {
		if !p.Ready || p.Since > float64(end-window) {
			continue
		}
		info[podName(p.Name)] = metricsclient.PodMetric{Timestamp: h.at(float64(end)).Time, Window: metricsServer, Value: int64(1000 * busy)}
	}
	return info, h.at(float64(end)).Time, nil
}

// GetExternalMetric is the rate of offered requests by Prometheus.
func (h *hpa) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	newest := h.view.Second() - prometheusDelay
	window := int(h.rateWindow / time.Second)
	from := max(0, newest-window)
	if newest <= from {
		return nil, time.Time{}, errors.New("no samples yet")
	}
	rate := (h.view.At(newest).Arrivals - h.view.At(from).Arrivals) / float64(newest-from)
	return []int64{int64(1000 * rate)}, h.at(float64(newest)).Time, nil
}

var errNotAsked = errors.New("this metric is not asked for")

// GetRawMetric is not used.
func (h *hpa) GetRawMetric(string, string, labels.Selector, labels.Selector) (metricsclient.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errNotAsked
}

// GetObjectMetric is not used.
func (h *hpa) GetObjectMetric(string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, errNotAsked
}
