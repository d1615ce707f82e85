"""What the Python peers share: a picture to the network's input, the network, and its logits to ranked labels.

All of it is as fast as we know how to make it in Python, so that what differs between the peers is the peers: libjpeg-turbo decodes
(simplejpeg), scaled while it decodes where that is quicker; only what the centre crop shows is resized; one table look-up a pixel
normalises. The result is torchvision's Resize(256), CenterCrop(224), ToTensor, Normalize, to one level in 255.
"""

import io
import json
import math
import os
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, ImageOps


class Model:
    """A model folder as the product has it: model.json, the labels, a file for each precision."""

    def __init__(self, folder=None, precision=None):
        folder = Path(folder or os.environ["BENCH_MODEL"])
        spec = json.loads((folder / "model.json").read_text())
        self.input = spec["input"]["name"]
        self.resize, self.crop = spec["input"]["resize"], spec["input"]["crop"]
        self.mean, self.std = spec["input"]["mean"], spec["input"]["std"]
        self.output = spec["output"]["name"]
        self.file = str(folder / spec["files"][precision or os.environ["BENCH_PRECISION"]]["file"])
        lines = (folder / spec["labels"]).read_text().splitlines()
        self.labels = [tuple(line.split("\t")) for line in lines]

    def answer(self, logits, top_k=5):
        """The likeliest classes, as the product answers them."""
        exponents = np.exp(logits - logits.max())
        probabilities = exponents / exponents.sum()
        best = np.argsort(-probabilities)[:top_k]
        return {
            "predictions": [
                {"class_id": int(i), "synset": self.labels[i][0], "label": self.labels[i][1], "probability": float(probabilities[i])}
                for i in best
            ]
        }


class Preparation:
    """Turns pictures into the network's input, in an array that it uses again for each."""

    def __init__(self, model):
        self.resize, self.crop = model.resize, model.crop
        levels = np.arange(256, dtype=np.float32) / 255
        self.tables = [((levels - m) / s).astype(np.float32) for m, s in zip(model.mean, model.std)]
        self.tensor = np.empty((1, 3, self.crop, self.crop), np.float32)

    def __call__(self, data):
        return self.normalise(self.square(self.decode(data)))

    def decode(self, data):
        """The picture's pixels; a JPEG that need not be turned goes to libjpeg-turbo, the rest to Pillow."""
        if data[:3] != b"\xff\xd8\xff":
            return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        # Exif comes first or right behind JFIF's header, and few pictures from the web have any.
        if data.find(b"Exif", 0, 64) >= 0 and Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) != 1:
            return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        # min_factor: to scale by less than two costs more than it saves.
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=self.resize, min_width=self.resize, min_factor=2)
        return Image.fromarray(pixels)

    def square(self, image):
        """Resizes the part that the centre crop of the resized picture would show."""
        width, height = image.size
        shorter = min(width, height)
        scaled = int(self.resize * width / shorter), int(self.resize * height / shorter)
        left, top = round((scaled[0] - self.crop) / 2), round((scaled[1] - self.crop) / 2)
        x, y = width / scaled[0], height / scaled[1]
        box = left * x, top * y, min(width, (left + self.crop) * x), min(height, (top + self.crop) * y)
        return image.resize((self.crop, self.crop), Image.Resampling.BILINEAR, box=box)

    def normalise(self, image):
        pixels = np.asarray(image)
        for channel, table in enumerate(self.tables):
            np.take(table, pixels[:, :, channel], out=self.tensor[0, channel], mode="clip")
        return self.tensor


class OnnxRuntime:
    """One session of one thread, its input and output bound once."""

    def __init__(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_free_dimension_override_by_name("n", 1)
        self.session = onnxruntime.InferenceSession(model.file, options, providers=["CPUExecutionProvider"])
        self.model = model
        self.logits = np.empty((1, len(model.labels)), np.float32)

    def bind(self, tensor):
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(self.model.input, self._value(tensor))
        self.binding.bind_ortvalue_output(self.model.output, self._value(self.logits))

    def _value(self, array):
        from onnxruntime import OrtValue

        return OrtValue.ortvalue_from_numpy(array, "cpu")

    def __call__(self):
        self.session.run_with_iobinding(self.binding)
        return self.logits[0]


class OpenVINO:
    """One stream of one thread, compiled for the lowest latency, over arrays that are shared with it."""

    def __init__(self, model):
        import openvino

        network = openvino.Core().read_model(model.file)
        network.reshape([1, 3, model.crop, model.crop])
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        self.request = openvino.compile_model(network, "CPU", settings).create_infer_request()

    def bind(self, tensor):
        import openvino

        self.request.set_input_tensor(openvino.Tensor(tensor, shared_memory=True))

    def __call__(self):
        self.request.infer()
        return self.request.get_output_tensor().data[0]


class Classifier:
    """Picture in, answer out. Not for two threads at once: the peers have one."""

    def __init__(self, network=OnnxRuntime):
        self.model = Model()
        self.prepare = Preparation(self.model)
        self.network = network(self.model)
        self.network.bind(self.prepare.tensor)
        self.network()  # what is allocated at the first run is not the first request's to pay

    def __call__(self, data):
        self.prepare(data)
        return self.model.answer(self.network())
