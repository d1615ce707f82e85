package kubelite

import (
	"net/http"
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func (s *Server) writeTable(w http.ResponseWriter, r *http.Request, code int, k *kinds.Kind, m metav1.ListMeta, objects []kinds.Object) error {
	table := newTable(k, m, objects, r.URL.Query().Get("includeObject"), s.o.Now())
	return write(w, code, table)
}

// newTable is what kubectl prints. include says how much of each object comes with its row: Object, None, else its metadata.
func newTable(k *kinds.Kind, m metav1.ListMeta, objects []kinds.Object, include string, now time.Time) *metav1.Table {
	t := &metav1.Table{
		TypeMeta: metav1.TypeMeta{Kind: "Table", APIVersion: metav1.SchemeGroupVersion.String()}, ListMeta: m,
		ColumnDefinitions: []metav1.TableColumnDefinition{}, Rows: []metav1.TableRow{},
	}
	for _, c := range k.Columns() {
		t.ColumnDefinitions = append(t.ColumnDefinitions, c.TableColumnDefinition)
	}
	for _, o := range objects {
		row := metav1.TableRow{Cells: k.Row(o, now)}
		switch metav1.IncludeObjectPolicy(include) {
		case metav1.IncludeNone:
		case metav1.IncludeObject:
			row.Object = runtime.RawExtension{Object: k.View(o)}
		default:
			partial := meta.AsPartialObjectMetadata(o)
			partial.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata"))
			row.Object = runtime.RawExtension{Object: partial}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
