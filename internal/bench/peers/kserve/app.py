"""KServe: a custom predictor behind its V1 protocol; the picture is base64 in JSON, as in the examples of KServe's documentation.

Its REST server cannot take a picture in Open Inference Protocol's binary extension: it makes UTF-8 of every BYTES input.
"""

import base64
import os

from kserve import Model, ModelServer

import vision


class Classifier(Model):
    def load(self):
        self.classify = vision.Classifier()
        self.ready = True

    async def predict(self, payload, headers=None):
        return self.classify(base64.b64decode(payload["instances"][0]["image"]["b64"]))


if __name__ == "__main__":
    model = Classifier("resnet18")
    model.load()
    ModelServer(
        http_port=int(os.environ["BENCH_PORT"]), workers=1, enable_grpc=False, enable_latency_logging=False, event_loop="uvloop"
    ).start([model])
