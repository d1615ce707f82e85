package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
)

const namespace = "default"

// manifests are the files of deploy/ that run here as they run in a cluster.
var manifests = []string{"base/model-server.yaml", "base/services.yaml"}

// readManifests decodes the objects of the files.
func readManifests(files fs.FS) ([]runtime.Object, error) {
	var objects []runtime.Object
	for _, name := range manifests {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			o, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
			if err != nil {
				return nil, fmt.Errorf("decode %s: %w", name, err)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// sized gives the model servers their share of this machine, as an overlay does in a cluster.
func sized(d *appsv1.Deployment, cores float64, replicas int) {
	n := int32(replicas)
	d.Spec.Replicas = &n
	cpu := *resource.NewMilliQuantity(int64(cores*1000), resource.DecimalSI)
	for i := range d.Spec.Template.Spec.Containers {
		r := &d.Spec.Template.Spec.Containers[i].Resources
		r.Requests[corev1.ResourceCPU], r.Limits[corev1.ResourceCPU] = cpu, cpu
	}
}

// apply creates the objects of the manifests.
func (s *Service) apply(ctx context.Context, client kubernetes.Interface) error {
	for _, o := range s.objects {
		var err error
		switch o := o.(type) {
		case *appsv1.Deployment:
			sized(o, s.o.CPU, s.o.Replicas)
			_, err = client.AppsV1().Deployments(namespace).Create(ctx, o, metav1.CreateOptions{})
		case *corev1.Service:
			_, err = client.CoreV1().Services(namespace).Create(ctx, o, metav1.CreateOptions{})
		default:
			err = fmt.Errorf("the local runtime has no use for a %T", o)
		}
		if err != nil {
			return fmt.Errorf("apply manifests: %w", err)
		}
	}
	return nil
}
