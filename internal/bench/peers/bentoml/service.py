"""BentoML: a service of one worker; the picture is a form field."""

from pathlib import Path

import bentoml

import vision


@bentoml.service(workers=1, threads=1, metrics={"enabled": True}, logging={"access": {"enabled": False}})
class Classifier:
    def __init__(self):
        self.classify = vision.Classifier()

    @bentoml.api(route="/predict")
    async def predict(self, file: Path) -> dict:
        return self.classify(file.read_bytes())
