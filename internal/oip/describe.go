package oip

// Extensions of the protocol that the server speaks, by their names.
var Extensions = []string{"binary_tensor_data", "classification", "model_configuration", "statistics"}

const platform = "onnxruntime_onnx"

// Server describes the server.
type Server struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// Live answers the question whether the server is alive.
type Live struct {
	Live bool `json:"live"`
}

// Ready answers the question whether the server, or the model of a name, may get requests, and why not.
type Ready struct {
	Name  string `json:"name,omitempty"`
	Ready bool   `json:"ready"`
	Error string `json:"error,omitempty"`
}

// Metadata describes the model.
type Metadata struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions"`
	Platform string           `json:"platform"`
	Inputs   []TensorMetadata `json:"inputs"`
	Outputs  []TensorMetadata `json:"outputs"`
}

// TensorMetadata describes one tensor; −1 in its shape is the number of pictures.
type TensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

// Metadata is what the model tells of itself. Pictures may come as [n] too; [n,1] is what tools expect that take the batch off a shape
// and want something to be left.
func (m Model) Metadata() Metadata {
	return Metadata{
		Name: m.Name, Versions: []string{m.Version}, Platform: platform,
		Inputs: []TensorMetadata{
			{m.Input, typeFP32, []int{-1, 3, m.Side, m.Side}},
			{ImageInput, typeBYTES, []int{-1, 1}},
		},
		Outputs: []TensorMetadata{{m.Output, typeFP32, []int{-1, len(m.Labels)}}},
	}
}

// Config is the model's configuration in the form that Triton's tools read: its dims leave the number of pictures out.
type Config struct {
	Name          string          `json:"name"`
	Platform      string          `json:"platform"`
	Backend       string          `json:"backend"`
	VersionPolicy map[string]any  `json:"version_policy"`
	MaxBatchSize  int             `json:"max_batch_size"`
	Input         []InputConfig   `json:"input"`
	Output        []OutputConfig  `json:"output"`
	InstanceGroup []InstanceGroup `json:"instance_group"`
}

// InputConfig is an input of Config. A request has one of the inputs, so each is optional.
type InputConfig struct {
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	Format   string `json:"format"`
	Dims     []int  `json:"dims"`
	Optional bool   `json:"optional"`
}

// OutputConfig is an output of Config.
type OutputConfig struct {
	Name          string `json:"name"`
	DataType      string `json:"data_type"`
	Dims          []int  `json:"dims"`
	LabelFilename string `json:"label_filename"`
}

// InstanceGroup says how many requests are in inference at once.
type InstanceGroup struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// Config is the configuration of the model where so many requests are in inference at once.
func (m Model) Config(slots int, labelFile string) Config {
	return Config{
		Name: m.Name, Platform: platform, Backend: "onnxruntime", MaxBatchSize: m.MaxBatch,
		VersionPolicy: map[string]any{"latest": map[string]int{"num_versions": 1}},
		Input: []InputConfig{
			{Name: m.Input, DataType: "TYPE_FP32", Format: "FORMAT_NCHW", Dims: []int{3, m.Side, m.Side}, Optional: true},
			{Name: ImageInput, DataType: "TYPE_STRING", Format: "FORMAT_NONE", Dims: []int{1}, Optional: true},
		},
		Output:        []OutputConfig{{Name: m.Output, DataType: "TYPE_FP32", Dims: []int{len(m.Labels)}, LabelFilename: labelFile}},
		InstanceGroup: []InstanceGroup{{Name: m.Name, Kind: "KIND_CPU", Count: slots}},
	}
}
