package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// volumes makes what a pod's volumes hold, as folders of this machine.
type volumes struct {
	core corev1client.CoreV1Interface
	pod  *corev1.Pod
	dir  string
}

// fill makes the content of all volumes, or makes it anew, and returns the folder of each by name, and when a token in them has to be
// made anew; the zero time: never.
func (v *volumes) fill(ctx context.Context, now time.Time) (folders map[string]string, renew time.Time, err error) {
	folders = map[string]string{}
	for i := range v.pod.Spec.Volumes {
		volume := &v.pod.Spec.Volumes[i]
		folder, until, err := v.fillOne(ctx, volume, now)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("volume %s: %w", volume.Name, err)
		}
		folders[volume.Name] = folder
		if !until.IsZero() && (renew.IsZero() || until.Before(renew)) {
			renew = until
		}
	}
	return folders, renew, nil
}

func (v *volumes) fillOne(ctx context.Context, volume *corev1.Volume, now time.Time) (folder string, renew time.Time, err error) {
	folder = filepath.Join(v.dir, volume.Name)
	if volume.PersistentVolumeClaim != nil {
		folder, err = v.claimed(ctx, volume.PersistentVolumeClaim.ClaimName)
		return folder, renew, err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", renew, err
	}
	switch {
	case volume.EmptyDir != nil:
	case volume.ConfigMap != nil:
		err = v.configMap(ctx, folder, volume.ConfigMap.Name, volume.ConfigMap.Items)
	case volume.Projected != nil:
		for _, source := range volume.Projected.Sources {
			until, sourceErr := v.project(ctx, folder, source, now)
			err = errors.Join(err, sourceErr)
			if !until.IsZero() {
				renew = until
			}
		}
	default:
		err = errors.New("this node has emptyDir, configMap, projected and persistentVolumeClaim volumes only")
	}
	return folder, renew, err
}

// claimed is the folder behind a claim that is bound to a volume of this machine.
func (v *volumes) claimed(ctx context.Context, claim string) (string, error) {
	c, err := v.core.PersistentVolumeClaims(v.pod.Namespace).Get(ctx, claim, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if c.Spec.VolumeName == "" {
		return "", fmt.Errorf("the claim %s is not bound to a volume yet", claim)
	}
	volume, err := v.core.PersistentVolumes().Get(ctx, c.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if volume.Spec.HostPath == nil {
		return "", fmt.Errorf("the volume %s is not a hostPath, the only kind that this node has", volume.Name)
	}
	return volume.Spec.HostPath.Path, os.MkdirAll(volume.Spec.HostPath.Path, 0o777)
}

func (v *volumes) configMap(ctx context.Context, folder, name string, items []corev1.KeyToPath) error {
	m, err := v.core.ConfigMaps(v.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if len(items) == 0 {
		for key := range m.Data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		text, ok := m.Data[item.Key]
		if !ok {
			return fmt.Errorf("the ConfigMap %s has no key %s", name, item.Key)
		}
		if err := put(folder, item.Path, text); err != nil {
			return err
		}
	}
	return nil
}

// project puts one source of a projected volume into its folder.
func (v *volumes) project(ctx context.Context, folder string, source corev1.VolumeProjection, now time.Time) (renew time.Time, err error) {
	switch {
	case source.ServiceAccountToken != nil:
		return v.token(ctx, folder, source.ServiceAccountToken, now)
	case source.ConfigMap != nil:
		return renew, v.configMap(ctx, folder, source.ConfigMap.Name, source.ConfigMap.Items)
	case source.DownwardAPI != nil:
		for _, item := range source.DownwardAPI.Items {
			if item.FieldRef == nil {
				return renew, errors.New("of the downward API, this node puts only fieldRef into files")
			}
			value, err := podField(item.FieldRef.FieldPath, v.pod, place{})
			if err == nil {
				err = put(folder, item.Path, value)
			}
			if err != nil {
				return renew, err
			}
		}
		return renew, nil
	}
	return renew, errors.New("a source is of a kind that this node does not have: it has tokens, ConfigMaps and the downward API")
}

// tokenLife is the share of a token's life after which it is made anew, as a kubelet does.
const tokenLife = 0.8

func (v *volumes) token(ctx context.Context, folder string, wanted *corev1.ServiceAccountTokenProjection, now time.Time) (renew time.Time, err error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: wanted.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: v.pod.Name, UID: v.pod.UID},
	}}
	if wanted.Audience != "" {
		request.Spec.Audiences = []string{wanted.Audience}
	}
	answer, err := v.core.ServiceAccounts(v.pod.Namespace).CreateToken(ctx, v.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return renew, err
	}
	life := answer.Status.ExpirationTimestamp.Sub(now)
	return now.Add(time.Duration(tokenLife * float64(life))), put(folder, wanted.Path, answer.Status.Token)
}

// put writes a file whole or not at all: a program may be reading the one before it.
func put(folder, path, text string) error {
	if !filepath.IsLocal(path) {
		return fmt.Errorf("%q leads out of the volume", path)
	}
	path = filepath.Join(folder, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
