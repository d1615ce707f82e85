"""MLServer: a custom runtime behind Open Inference Protocol v2; the picture is a BYTES input, in base64."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

import vision


class Classifier(MLModel):
    async def load(self) -> bool:
        self.classify = vision.Classifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        [data] = Base64Codec.decode_input(payload.inputs[0])
        best = self.classify(data)["predictions"]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("synset", [p["synset"] for p in best]),
                StringCodec.encode_output("label", [p["label"] for p in best]),
            ],
        )
