"""bare.py SECONDS PICTURE…: what a picture costs in one process without HTTP, by its parts, as one line of JSON.

The least that decoding, resizing and inference take with ONNX Runtime and libjpeg-turbo: what a server is compared with.
"""

import json
import sys
import time
from pathlib import Path

import vision


def main(seconds, names):
    pictures = [Path(name).read_bytes() for name in names]
    model = vision.Model()
    prepare, network = vision.Preparation(model), vision.OnnxRuntime(model)
    network.bind(prepare.tensor)
    run(prepare, network, pictures)
    rounds = []
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        rounds.append(run(prepare, network, pictures))
    count = len(rounds) * len(pictures)
    elapsed = {"elapsed_ms": (time.monotonic() - begin) / count * 1e3}
    parts = [sum(part) / count * 1e3 for part in zip(*rounds)]
    print(json.dumps(elapsed | dict(zip(("decode_ms", "resize_ms", "normalise_ms", "inference_ms"), parts))))


def run(prepare, network, pictures):
    """One pass over the pictures: CPU seconds of each part."""
    decode = resize = normalise = inference = 0
    clock = time.process_time
    for data in pictures:
        begin = clock()
        image = prepare.decode(data)
        decoded = clock()
        image = prepare.square(image)
        resized = clock()
        prepare.normalise(image)
        normalised = clock()
        network()
        decode += decoded - begin
        resize += resized - decoded
        normalise += normalised - resized
        inference += clock() - normalised
    return decode, resize, normalise, inference


main(float(sys.argv[1]), sys.argv[2:])
