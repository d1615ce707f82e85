package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// withVolumes is a pod with volumes, in a cluster with something to fill them. The end-to-end test fills them from a real API server.
func withVolumes(t *testing.T, list ...corev1.Volume) *volumes {
	t.Helper()
	client := fake.NewClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config", Namespace: "shop"}, Data: map[string]string{"a": "1", "b": "2"}},
		&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "bound", Namespace: "shop"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "disk"}},
		&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "waiting", Namespace: "shop"}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: filepath.Join(t.TempDir(), "disk")}},
		}},
	)
	client.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		request := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenRequest)
		bound := request.Spec.BoundObjectRef
		life := time.Duration(*request.Spec.ExpirationSeconds) * time.Second
		return true, &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{
			Token: "token of " + bound.Name + " for " + strings.Join(request.Spec.Audiences, ","), ExpirationTimestamp: metav1.NewTime(noon.Add(life)),
		}}, nil
	})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{ServiceAccountName: "robot", Volumes: list},
	}
	return &volumes{core: client.CoreV1(), pod: pod, dir: t.TempDir()}
}

func projected(sources ...corev1.VolumeProjection) corev1.VolumeSource {
	return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}
}

func configMap(name string, items ...corev1.KeyToPath) corev1.VolumeSource {
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items}}
}

func claim(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

func TestVolumesAreFilled(t *testing.T) {
	account := projected(
		corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "api", ExpirationSeconds: new(int64(1000))}},
		corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
		}}},
		corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "config"}, Items: []corev1.KeyToPath{{Key: "b", Path: "sub/b"}},
		}},
	)
	for name, c := range map[string]struct {
		source corev1.VolumeSource
		want   map[string]string
		renew  time.Time
	}{
		"nothing":        {source: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, want: map[string]string{}},
		"a ConfigMap":    {source: configMap("config"), want: map[string]string{"a": "1", "b": "2"}},
		"a key of one":   {source: configMap("config", corev1.KeyToPath{Key: "a", Path: "x/y"}), want: map[string]string{"x/y": "1"}},
		"a claim":        {source: claim("bound"), want: map[string]string{}},
		"an account":     {source: account, want: map[string]string{"token": "token of web for api", "namespace": "shop", "sub/b": "2"}, renew: noon.Add(800 * time.Second)},
		"out of the way": {source: configMap("config", corev1.KeyToPath{Key: "a", Path: "..a"}), want: map[string]string{"..a": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := withVolumes(t, corev1.Volume{Name: "v", VolumeSource: c.source})
			folders, renew, err := v.fill(t.Context(), noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, files(t, folders["v"])); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if !renew.Equal(c.renew) {
				t.Errorf("made anew at %v, want %v", renew, c.renew)
			}
		})
	}
}

func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestVolumesThatCannotBe(t *testing.T) {
	for says, source := range map[string]corev1.VolumeSource{
		`configmaps "none" not found`:       configMap("none"),
		"has no key c":                      configMap("config", corev1.KeyToPath{Key: "c", Path: "c"}),
		"leads out of the volume":           configMap("config", corev1.KeyToPath{Key: "a", Path: "../a"}),
		"waiting is not bound":              claim("waiting"),
		`claims "none" not found`:           claim("none"),
		"this node has emptyDir":            {HostPath: &corev1.HostPathVolumeSource{Path: "/"}},
		"only fieldRef":                     projected(corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "cpu"}}}}),
		"of a kind that this node does not": projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{}}),
	} {
		v := withVolumes(t, corev1.Volume{Name: "v", VolumeSource: source})
		if _, _, err := v.fill(t.Context(), noon); err == nil || !strings.Contains(err.Error(), "volume v: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want an error about volume v that says %q", err, says)
		}
	}
}

func TestMounts(t *testing.T) {
	c := &corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/data", SubPath: "in", ReadOnly: true}}}
	if mounts, err := mountsOf(c, place{}); mounts != nil || err != nil {
		t.Errorf("without folders: %v, %v", mounts, err)
	}
	got, err := mountsOf(c, place{folders: map[string]string{"v": "/here"}})
	if diff := cmp.Diff([]Mount{{Source: "/here/in", Target: "/data", ReadOnly: true}}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, bad := range []corev1.VolumeMount{{Name: "none"}, {Name: "v", SubPath: "../up"}, {Name: "v", SubPathExpr: "$(A)"}} {
		if _, err := mountsOf(&corev1.Container{VolumeMounts: []corev1.VolumeMount{bad}}, place{folders: map[string]string{"v": "/here"}}); err == nil {
			t.Errorf("%+v is mounted", bad)
		}
	}
}
