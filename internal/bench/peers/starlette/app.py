"""The least that Python needs to serve a model: an ASGI app without a framework's validation, ONNX Runtime or OpenVINO behind it."""

import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import vision

classify = vision.Classifier({"onnxruntime": vision.OnnxRuntime, "openvino": vision.OpenVINO}[os.environ["BENCH_RUNTIME"]])


async def predict(request):
    async with request.form() as form:
        return JSONResponse(classify(await form["file"].read()))


async def ready(request):
    return JSONResponse({"ready": True})


app = Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/ready", ready)])
