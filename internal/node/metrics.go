package node

import (
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
)

// newMetrics are what a kubelet tells of itself under /metrics, as far as it means something here.
func newMetrics(a *Agent) prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kubelet_running_pods", Help: "Pods of this node with a container that runs.",
		}, func() float64 { pods, _ := a.runningNow(); return float64(pods) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kubelet_running_containers", Help: "Containers of this node that run.", ConstLabels: prometheus.Labels{"container_state": "running"},
		}, func() float64 { _, containers := a.runningNow(); return float64(containers) }),
	)
	return r
}

func (a *Agent) runningNow() (pods, containers int) {
	for _, w := range a.all() {
		before := containers
		for _, c := range w.containers {
			if c.snapshot().State.Running != nil {
				containers++
			}
		}
		if containers > before {
			pods++
		}
	}
	return pods, containers
}

// cadvisor tells the use of each container in the names and labels of a kubelet's /metrics/cadvisor.
//
// Two differences, on purpose. The samples carry no timestamps: they are measured while they are read, and Prometheus then knows at the
// next scrape that a container is gone, instead of showing its last value for five minutes. And a container keeps its series and its
// count over its restarts, where a kubelet begins a new one under another id: so rate() has no gap where a replica came back.
type cadvisor struct{ agent *Agent }

var (
	containerLabels = []string{"container", "id", "image", "name", "namespace", "pod"}
	cpuSeconds      = prometheus.NewDesc("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", append([]string{"cpu"}, containerLabels...), nil)
	memoryBytes     = prometheus.NewDesc("container_memory_working_set_bytes", "Current working set of the container in bytes.", containerLabels, nil)
)

// Describe is part of prometheus.Collector.
func (*cadvisor) Describe(to chan<- *prometheus.Desc) {
	to <- cpuSeconds
	to <- memoryBytes
}

// Collect is part of prometheus.Collector.
func (k *cadvisor) Collect(to chan<- prometheus.Metric) {
	for _, w := range k.agent.all() {
		for _, c := range w.containers {
			cpu, memory, err := c.meter.read()
			if err != nil {
				w.log.Warn("a container's use cannot be measured", "container", c.spec.Name, "error", err)
				continue
			}
			if cpu == 0 {
				continue // it has never run
			}
			labels := []string{c.spec.Name, cgroupID(w.pod, c), c.spec.Image, "k8s_" + c.spec.Name + "_" + w.pod.Name + "_" + w.pod.Namespace, w.pod.Namespace, w.pod.Name}
			to <- prometheus.MustNewConstMetric(cpuSeconds, prometheus.CounterValue, cpu.Seconds(), append([]string{"total"}, labels...)...)
			to <- prometheus.MustNewConstMetric(memoryBytes, prometheus.GaugeValue, float64(memory), labels...)
		}
	}
}

// cgroupID is where a kubelet would have put the container.
func cgroupID(p *corev1.Pod, c *container) string {
	return "/kubepods/pod" + string(p.UID) + "/" + c.spec.Name
}
