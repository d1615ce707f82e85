"""weights.py MODEL_FOLDER OUT.pt: the product's FP32 ONNX file as weights of torchvision's ResNet18.

The file has each batch norm folded into the convolution before it. The original runs them apart, so each convolution's bias becomes
the bias of a batch norm that changes nothing else.
"""

import json
import sys
from pathlib import Path

import onnx
import torch
import torchvision
from onnx import numpy_helper

folder, out = Path(sys.argv[1]), sys.argv[2]
spec = json.loads((folder / "model.json").read_text())
labels = [tuple(line.split("\t")) for line in (folder / spec["labels"]).read_text().splitlines()]
graph = onnx.load(folder / spec["files"]["fp32"]["file"]).graph
arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
convolutions = [(arrays[n.input[1]], arrays[n.input[2]]) for n in graph.node if n.op_type == "Conv"]
gemm = next(n for n in graph.node if n.op_type == "Gemm")

model = torchvision.models.resnet18(num_classes=len(labels))


def pairs(model):
    """The convolutions, each with its batch norm, in the order of the exported graph."""
    yield model.conv1, model.bn1
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in layer:
            yield block.conv1, block.bn1
            yield block.conv2, block.bn2
            if block.downsample is not None:
                yield block.downsample[0], block.downsample[1]


with torch.no_grad():
    for (conv, norm), (weight, bias) in zip(pairs(model), convolutions, strict=True):
        conv.weight.copy_(weight)
        norm.weight.fill_(1)
        norm.bias.copy_(bias)
        norm.running_mean.fill_(0)
        norm.running_var.fill_(1 - norm.eps)
    model.fc.weight.copy_(arrays[gemm.input[1]])
    model.fc.bias.copy_(arrays[gemm.input[2]])
torch.save({"weights": model.state_dict(), "labels": labels}, out)
