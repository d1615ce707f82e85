package onnx

import "golang.org/x/sys/cpu"

// preferred are the precisions that --precision auto looks for, the fastest first. INT8 beats FP32 by far where the CPU multiplies
// bytes in one instruction (VNNI on x86, the dot product on ARM), and where it does not, it gains little and rounds more.
func preferred() []string {
	if cpu.X86.HasAVX512VNNI || cpu.X86.HasAVXVNNI || cpu.ARM64.HasASIMDDP {
		return []string{"int8", "fp32"}
	}
	return []string{"fp32", "int8"}
}
