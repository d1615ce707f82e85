package node

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// listenVariable tells a container where to listen. In a cluster every container has the interface to itself and listens on all
// addresses; here pods share the machine's, so each must keep to its own address.
const listenVariable = "RESNET_LISTEN"

// refusal is why a container does not run on this node: as the reason and message of its waiting state.
type refusal struct{ reason, message string }

func (r *refusal) Error() string { return r.reason + ": " + r.message }

func badConfig(format string, args ...any) error {
	return &refusal{"CreateContainerConfigError", fmt.Sprintf(format, args...)}
}

// commandFor makes a container of a pod a program of this machine. Errors are *refusal.
func commandFor(pod *corev1.Pod, c *corev1.Container, images map[string]Image, at place) (Command, error) {
	image, ok := images[c.Image]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(images)), ", ")
		return Command{}, &refusal{
			"ErrImageNeverPull",
			fmt.Sprintf("image %q is not present and this node pulls none: it runs programs of this machine under the names %s", c.Image, known),
		}
	}
	if err := possible(pod, c, at); err != nil {
		return Command{}, badConfig("%v", err)
	}
	mounts, err := mountsOf(c, at)
	if err != nil {
		return Command{}, badConfig("%v", err)
	}
	env, err := environment(pod, c, image, at)
	if err != nil {
		return Command{}, badConfig("%v", err)
	}
	command := Command{
		Name: pod.Namespace + "_" + pod.Name + "_" + c.Name, Path: image.Path, Args: slices.Clip(image.Args),
		CPU: c.Resources.Limits.Cpu().AsApproximateFloat64(), Memory: c.Resources.Limits.Memory().Value(), Mounts: mounts,
	}
	if own := expandAll(c.Command, env); len(own) > 0 {
		command.Path, command.Args = filepath.Join(filepath.Dir(image.Path), filepath.Base(own[0])), own[1:]
	}
	command.Args = append(command.Args, expandAll(c.Args, env)...)
	if len(c.Ports) > 0 {
		env.set(listenVariable, net.JoinHostPort(at.podIP, strconv.Itoa(int(c.Ports[0].ContainerPort))))
	}
	command.Env = env.list()
	return command, nil
}

func expandAll(texts []string, env *variables) []string {
	var expanded []string
	for _, text := range texts {
		expanded = append(expanded, expand(text, env.values))
	}
	return expanded
}

// mountsOf are a container's volumes at its paths, where the node has folders for them.
func mountsOf(c *corev1.Container, at place) ([]Mount, error) {
	if at.folders == nil {
		return nil, nil
	}
	var mounts []Mount
	for _, m := range c.VolumeMounts {
		folder, ok := at.folders[m.Name]
		if !ok || m.SubPathExpr != "" || !filepath.IsLocal(cmp.Or(m.SubPath, ".")) {
			return nil, fmt.Errorf("volume %s cannot be at %s: the pod has no such volume, or a subPath that leads out of it or is an expression", m.Name, m.MountPath)
		}
		mounts = append(mounts, Mount{Source: filepath.Join(folder, m.SubPath), Target: m.MountPath, ReadOnly: m.ReadOnly})
	}
	return mounts, nil
}

// possible refuses what would be left out silently otherwise.
func possible(pod *corev1.Pod, c *corev1.Container, at place) error {
	if len(pod.Spec.InitContainers) > 0 {
		return errors.New("this node runs no init containers: let the container itself do their work")
	}
	if c.Lifecycle != nil && (c.Lifecycle.PostStart != nil || c.Lifecycle.PreStop != nil) {
		return errors.New("this node runs no lifecycle hooks: let the container act on its start and on SIGTERM")
	}
	for _, m := range c.VolumeMounts {
		if at.folders != nil {
			break // they are mounted
		}
		i := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		// An emptyDir needs no mount: the process has the machine's own folders.
		if i < 0 || pod.Spec.Volumes[i].EmptyDir == nil {
			return fmt.Errorf("volume %s cannot be at %s: containers here see the machine's own files, so only an emptyDir is possible "+
				"(for a token, set automountServiceAccountToken: false)", m.Name, m.MountPath)
		}
	}
	for name, p := range map[string]*corev1.Probe{"startupProbe": c.StartupProbe, "readinessProbe": c.ReadinessProbe, "livenessProbe": c.LivenessProbe} {
		if p == nil {
			continue
		}
		if _, err := newCheck(p.ProbeHandler, c.Ports, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
