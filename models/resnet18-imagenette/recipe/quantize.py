"""quantize.py FP32.onnx CALIBRATION_DIR OUT.onnx: the INT8 version of the model, as QDQ, for ONNX Runtime's CPU kernels.

Activations are unsigned bytes, one scale a tensor, over 99.999 % of what the calibration pictures make (every JPEG below CALIBRATION_DIR);
weights are signed bytes, one scale an output channel. The logits stay float. Around ONNX Runtime's quantizer stand four steps of ours:

- fold_stem: the 7x7 convolution with stride 2 over three channels becomes a 4x4 one with stride 1 over twelve, the same function. ONNX
  Runtime's fast integer convolution wants a multiple of four channels; with three it copies every patch first.
- pair_sums: a CPU with neither VNNI nor another dot product adds two byte products in 16 bits, where they may overflow. Each output
  channel's weights are scaled so that no such pair can: that costs half a bit, where `reduce_range` costs a whole one, and lets every
  CPU compute the same logits.
- rounded: weights are rounded one after the other, and those still to come make up for the error, as far as the calibration pictures'
  activations say that they can (GPTQ: Frantar et al., 2022). It more than makes up for that half bit.
- check proves of the file that its weights are these and that no pair overflows.

It takes some minutes. On one machine it always writes the same bytes; another kind of CPU computes other last digits of the activations.
"""
import argparse
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # with more, sums are made in an order that depends on their number

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image, ImageOps

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
RESIZE, CROP = 256, 224
LARGEST = 127  # of a weight
PAIR_LIMIT = 128  # 2**15 / 255, rounded down: the largest sum of two weights of one sign
CHUNK = 20  # pictures at a time: all activations of so many are in memory
DAMPING = 0.01  # of the mean of the Hessian's diagonal, added to it so that it can be inverted


def tensor(path):
    """The picture as torchvision would give it to the network: shorter side to 256, centre crop, normalised; [1,3,224,224]."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    shorter = min(picture.size)
    picture = picture.resize([RESIZE * side // shorter for side in picture.size], Image.Resampling.BILINEAR)
    left, top = (round((side - CROP) / 2) for side in picture.size)
    pixels = np.asarray(picture.crop((left, top, left + CROP, top + CROP)), np.float32)
    return ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def read_pictures(folder):
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpeg", ".jpg"))
    if len(paths) < CHUNK:
        raise SystemExit(f"quantize: {len(paths)} JPEGs below {folder}: {CHUNK} are the least, and some hundreds are better")
    return np.concatenate([tensor(path) for path in paths[: len(paths) // CHUNK * CHUNK]])


class Pictures(CalibrationDataReader):
    """The calibration pictures, one at a time; the quantizer asks for a chunk, makes its histograms and forgets it."""

    def __init__(self, input_name, pictures):
        self.input_name, self.pictures = input_name, pictures
        self.set_range(0, len(pictures))

    def __len__(self):
        return len(self.pictures)

    def set_range(self, start_index, end_index):
        self.range = iter(range(start_index, end_index))

    def get_next(self):
        at = next(self.range, None)
        return None if at is None else {self.input_name: self.pictures[at : at + 1]}


def fold_stem(model):
    """Replaces the first convolution. Rows are paired first, whole rows at a time; then, with channels last, a pair of columns is a matter
    of reading the shape differently. The kernel gets a row and a column of zeros in front, so that it starts on a pair."""
    graph, conv = model.graph, model.graph.node[0]
    attribute = {a.name: a for a in conv.attribute}
    ints = {name: list(a.ints) for name, a in attribute.items()}
    weights = next(i for i in graph.initializer if i.name == conv.input[1])
    kernel = numpy_helper.to_array(weights)
    channels, height, width = (d.dim_value for d in graph.input[0].type.tensor_type.shape.dim[1:])
    expected = ("Conv", graph.input[0].name, [7, 7], [2, 2], [3, 3, 3, 3])
    found = (conv.op_type, conv.input[0], ints.get("kernel_shape"), ints.get("strides"), ints.get("pads"))
    if found != expected or height % 2 or width % 2:
        raise SystemExit(f"quantize: the model starts with {found} on {height}x{width}, and this recipe is for {expected} on even sides")

    kernel = np.pad(kernel, ((0, 0), (0, 0), (1, 0), (1, 0))).reshape(len(kernel), channels, 4, 2, 4, 2)  # o, c, y, row, x, column
    kernel = kernel.transpose(0, 5, 1, 3, 2, 4).reshape(len(kernel), 4 * channels, 4, 4)
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(kernel), weights.name))
    for name, value in (("kernel_shape", [4, 4]), ("strides", [1, 1]), ("pads", [2, 2, 1, 1])):
        attribute[name].CopyFrom(helper.make_attribute(name, value))

    def step(op, source, name, **attributes):
        if op == "Reshape":
            shape = np.array(attributes.pop("shape"), np.int64)
            graph.initializer.append(numpy_helper.from_array(shape, f"/stem/{name}_shape"))
            source = [*source, f"/stem/{name}_shape"]
        return helper.make_node(op, source, [f"/stem/{name}"], f"/stem/{name}", **attributes)

    steps = [
        step("Reshape", [conv.input[0]], "split", shape=[0, channels, height // 2, 2, width]),
        step("Transpose", ["/stem/split"], "pair_rows", perm=[0, 1, 3, 2, 4]),
        step("Reshape", ["/stem/pair_rows"], "rows", shape=[0, 2 * channels, height // 2, width]),
        step("Transpose", ["/stem/rows"], "channels_last", perm=[0, 2, 3, 1]),
        step("Reshape", ["/stem/channels_last"], "columns", shape=[0, height // 2, width // 2, 4 * channels]),
        step("Transpose", ["/stem/columns"], "channels_first", perm=[0, 3, 1, 2]),
    ]
    conv.input[0] = "/stem/channels_first"
    for at, node in enumerate(steps):
        graph.node.insert(at, node)
    onnx.checker.check_model(model)


def as_rows(weights):
    """[out, in, y, x] as [out, y·x·in]: the order in which the kernels multiply, with neighbouring input channels side by side."""
    return np.moveaxis(weights, 1, -1).reshape(len(weights), -1)


def from_rows(rows, shape):
    return np.ascontiguousarray(np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1))


def pair_sums(weights):
    """For each output channel, the largest sum of two weights of one sign that the kernels add up in 16 bits."""
    pairs = as_rows(weights).reshape(len(weights), -1, 2)
    return np.maximum(np.maximum(pairs, 0).sum(2).max(1), np.maximum(-pairs, 0).sum(2).max(1))


def layers(model):
    return [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]


def patches(node, activations):
    """What each output position of the layer sees, one a row, in the order of as_rows."""
    if node.op_type == "Gemm":
        return activations
    attribute = {a.name: list(a.ints) for a in node.attribute}
    top, left, bottom, right = attribute["pads"]
    padded = np.pad(activations, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, attribute["kernel_shape"], (2, 3))
    down, along = attribute["strides"]
    seen = windows[:, :, ::down, ::along].transpose(0, 2, 3, 4, 5, 1)
    return np.ascontiguousarray(seen).reshape(-1, np.prod(seen.shape[3:]))


def hessians(model, pictures):
    """For each layer, by the name of its weights, how the squared error of its outputs depends on errors of its weights."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    inputs = sorted({node.input[0] for node in layers(model)})
    watched.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in inputs)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    sums = {node.input[1]: 0 for node in layers(model)}
    for at in range(0, len(pictures), CHUNK):
        seen = dict(zip(inputs, session.run(inputs, {model.graph.input[0].name: pictures[at : at + CHUNK]})))
        for node in layers(model):
            rows = patches(node, seen[node.input[0]])
            sums[node.input[1]] += (rows.T @ rows).astype(np.float64)
    return sums


def rounded(rows, scales, hessian):
    """The rows as whole multiples of their scales, within the limits of pairs, by GPTQ."""
    count, block = rows.shape[1], 128
    hessian[np.diag_indices(count)] += DAMPING * np.diag(hessian).mean()
    spread = np.linalg.cholesky(np.linalg.inv(hessian)).T
    rows, whole = rows.astype(np.float64), np.zeros(rows.shape)
    for start in range(0, count, block):  # columns beyond a block learn of its errors all at once, which is much faster
        end = min(start + block, count)
        errors = np.zeros((len(rows), end - start))
        for at in range(start, end):
            beside = whole[:, at - 1] if at % 2 else np.zeros(len(rows))
            least = -np.minimum(LARGEST, PAIR_LIMIT - np.maximum(-beside, 0))
            most = np.minimum(LARGEST, PAIR_LIMIT - np.maximum(beside, 0))
            whole[:, at] = np.clip(np.round(rows[:, at] / scales), least, most)
            errors[:, at - start] = (rows[:, at] - whole[:, at] * scales) / spread[at, at]
            rows[:, at + 1 : end] -= np.outer(errors[:, at - start], spread[at, at + 1 : end])
        rows[:, end:] -= errors @ spread[start:end, end:]
    return whole


def round_weights(model, pictures):
    """Replaces the weights by rounded ones. Returned are, by the weights' names, the whole numbers and the ranges that make the
    quantizer arrive at them."""
    initializers = {i.name: i for i in model.graph.initializer}
    integers, ranges = {}, {}
    for name, hessian in hessians(model, pictures).items():
        weights = numpy_helper.to_array(initializers[name])
        limits = pair_sums(weights)
        scales = limits / np.float32(LARGEST)
        whole = rounded(as_rows(weights), scales.astype(np.float64), hessian)
        integers[name] = from_rows(whole.astype(np.int8), weights.shape)
        multiples = from_rows(whole.astype(np.float32) * scales[:, None], weights.shape)
        initializers[name].CopyFrom(numpy_helper.from_array(multiples, name))
        ranges[name] = [{"rmin": -limit, "rmax": limit, "symmetric": True} for limit in limits]
        ranges[name][0]["axis"] = 0
    return integers, ranges


def check(model, integers):
    written = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for name, whole in integers.items():
        if not np.array_equal(written[f"{name}_quantized"], whole):
            raise SystemExit(f"quantize: the quantizer has written other weights for {name} than were rounded for it")
        if (largest := pair_sums(whole.astype(np.int32)).max()) > PAIR_LIMIT:
            raise SystemExit(f"quantize: the weights {name} have a pair that makes {largest}, above {PAIR_LIMIT}")


def quantize(source, calibration, out):
    model, pictures = onnx.load(source), read_pictures(calibration)
    fold_stem(model)
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(sys.stderr):
        folded, prepared, quantized = (Path(work, f"{name}.onnx") for name in ("folded", "prepared", "quantized"))
        onnx.save(model, folded)
        quant_pre_process(folded, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        integers, ranges = round_weights(model, pictures)
        onnx.save(model, prepared)
        quantize_static(
            prepared, quantized, Pictures(model.graph.input[0].name, pictures), per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.Percentile,
            extra_options={"TensorQuantOverrides": ranges, "OpTypesToExcludeOutputQuantization": ["Gemm"],
                           "CalibPercentile": 99.999, "CalibStridedMinMax": CHUNK},
        )
        check(onnx.load(quantized), integers)
        shutil.copyfile(quantized, out)
    print(f"{hashlib.sha256(Path(out).read_bytes()).hexdigest()}  {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="FP32.onnx")
    parser.add_argument("calibration", metavar="CALIBRATION_DIR")
    parser.add_argument("out", metavar="OUT.onnx")
    arguments = parser.parse_args()
    quantize(arguments.source, arguments.calibration, arguments.out)
