"""Unchanged clients of the Open Inference Protocol against a running model-server.

usage: clients.py URL PICTURE...   The pictures are files that the server should take; the first one is sent most.
"""

import asyncio
import base64
import io
import json
import sys
import urllib.error
import urllib.request

import httpx
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from PIL import Image
from tritonclient.utils import InferenceServerException

URL, FILES = sys.argv[1], sys.argv[2:]
ADDRESS = URL.removeprefix("http://")
MODEL = "resnet18"
PICTURES = [open(name, "rb").read() for name in FILES]


def prepared(picture):
    """A picture as torchvision would prepare it, near enough for its label."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([max(256, int(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    pixels = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)


def predicted(picture):
    """The class that POST /predict finds: the tests below must find the same."""
    request = urllib.request.Request(URL + "/predict", picture, {"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["predictions"][0]["class_id"]


def of_pictures(pictures, binary=True):
    values = pictures if binary else [base64.b64encode(p) for p in pictures]
    tensor = triton.InferInput("image", [len(pictures)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=np.object_), binary_data=binary)
    return [tensor]


def of_tensors(pictures, binary=True):
    values = np.stack([prepared(p) for p in pictures])
    tensor = triton.InferInput("input", values.shape, "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return [tensor]


def check(result, pictures):
    logits = result.as_numpy("logits")
    assert logits.dtype == np.float32 and logits.shape[0] == len(pictures), (logits.dtype, logits.shape)
    got, want = logits.argmax(axis=1).tolist(), [predicted(p) for p in pictures]
    assert got == want, f"classes {got}, and /predict says {want}"


def refused(status, ask, *says):
    try:
        ask()
    except InferenceServerException as e:
        assert e.status() == str(status) and all(s in e.message() for s in says), f"{e}; want {status} with {says}"
        return
    raise AssertionError(f"not refused; want {status}")


def triton_describes(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("another") and not client.is_model_ready(MODEL, "2")
    server = client.get_server_metadata()
    assert "binary_tensor_data" in server["extensions"] and server["version"], server
    model = client.get_model_metadata(MODEL, "1")
    assert [(i["name"], i["datatype"], i["shape"]) for i in model["inputs"]] == [("input", "FP32", [-1, 3, 224, 224]), ("image", "BYTES", [-1, 1])], model
    assert model["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}], model
    config = client.get_model_config(MODEL)
    assert config["max_batch_size"] == 16 and config["input"][0]["data_type"] == "TYPE_FP32" and config["output"][0]["dims"] == [10], config
    refused(404, lambda: client.get_model_metadata("another"), "another", MODEL)
    refused(501, client.get_model_repository_index, "extension")


def triton_infers(client):
    for inputs in (of_pictures, of_tensors):
        for binary in (True, False):
            check(client.infer(MODEL, inputs(PICTURES[:2], binary)), PICTURES[:2])
    check(client.infer(MODEL, of_pictures(PICTURES), model_version="1"), PICTURES)
    result = client.infer(MODEL, of_pictures(PICTURES[:1]), request_id="seven", timeout=20_000_000, priority=1)
    assert result.get_response()["id"] == "seven"


def triton_chooses_outputs(client):
    for binary in (True, False):
        output = triton.InferRequestedOutput("logits", binary_data=binary)
        result = client.infer(MODEL, of_pictures(PICTURES[:1]), outputs=[output])
        assert ("data" in result.get_output("logits")) != binary, result.get_response()
        check(result, PICTURES[:1])
        classes = triton.InferRequestedOutput("logits", binary_data=binary, class_count=3)
        texts = client.infer(MODEL, of_pictures(PICTURES[:2]), outputs=[classes]).as_numpy("logits")
        assert texts.shape == (2, 3), texts
        first = texts[0][0].decode() if binary else texts[0][0]
        assert int(str(first).split(":")[1]) == predicted(PICTURES[0]), texts


def triton_compresses(client):
    for coding in ("gzip", "deflate"):
        for inputs in (of_pictures(PICTURES[:2]), of_tensors(PICTURES[:1])):
            result = client.infer(MODEL, inputs, request_compression_algorithm=coding, response_compression_algorithm=coding)
            assert result.as_numpy("logits").shape[1] == 10
        # Sixteen pictures' logits as text are enough for the server to compress them.
        output = triton.InferRequestedOutput("logits", binary_data=False)
        many = PICTURES[:1] * 16
        check(client.infer(MODEL, of_pictures(many), outputs=[output], response_compression_algorithm=coding), many)


def triton_counts(client):
    before = client.get_inference_statistics(MODEL)["model_stats"][0]
    client.infer(MODEL, of_pictures(PICTURES[:2]))
    after = client.get_inference_statistics(MODEL, "1")["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 2 and after["execution_count"] == before["execution_count"] + 1, after
    assert after["last_inference"] > before["last_inference"] and after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"], after
    assert client.get_inference_statistics()["model_stats"][0]["name"] == MODEL


def triton_is_refused(client):
    refused(404, lambda: client.infer("another", of_pictures(PICTURES[:1])), "another")
    refused(404, lambda: client.infer(MODEL, of_pictures(PICTURES[:1]), model_version="2"), "version 2")
    refused(400, lambda: client.infer(MODEL, of_pictures([b"no picture"])), "picture", "10 bytes that look like text")
    refused(400, lambda: client.infer(MODEL, of_pictures(PICTURES[:1] * 17)), "16")
    refused(400, lambda: client.infer(MODEL, of_pictures(PICTURES[:1]), outputs=[triton.InferRequestedOutput("scores")]), "scores")
    refused(504, lambda: client.infer(MODEL, of_pictures(PICTURES[:1]), timeout=1), "would not be ready")
    wrong = triton.InferInput("input", [1, 3, 64, 64], "FP32")
    wrong.set_data_from_numpy(np.zeros([1, 3, 64, 64], np.float32))
    refused(400, lambda: client.infer(MODEL, [wrong]), "[1,3,64,64]", "[n,3,224,224]")
    shared = triton.InferInput("input", [1, 3, 224, 224], "FP32")
    shared.set_shared_memory("region", 602112)
    refused(501, lambda: client.infer(MODEL, [shared]), "shared memory")


def triton_asynchronously(_):
    with triton.InferenceServerClient(ADDRESS, concurrency=16) as client:
        sent = [client.async_infer(MODEL, of_pictures([PICTURES[i % len(PICTURES)]])) for i in range(64)]
        got = [s.get_result().as_numpy("logits").argmax() for s in sent]
    want = [predicted(p) for p in PICTURES]
    assert got == [want[i % len(PICTURES)] for i in range(64)], got


def triton_in_asyncio(_):
    async def ask():
        async with triton_aio.InferenceServerClient(ADDRESS) as client:
            assert await client.is_model_ready(MODEL)
            for result in await asyncio.gather(*(client.infer(MODEL, of_pictures([p])) for p in PICTURES)):
                assert result.as_numpy("logits").shape == (1, 10)

    asyncio.run(ask())


def kserve(_):
    async def ask():
        async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:
            assert await client.is_server_live(URL) is True
            assert await client.is_server_ready(URL) is True
            assert await client.is_model_ready(URL, MODEL) is True
            assert await client.is_model_ready(URL, "another") is False
            for binary in (True, False):
                values = np.stack([prepared(p) for p in PICTURES[:2]])
                tensor = InferInput("input", list(values.shape), "FP32")
                tensor.set_data_from_numpy(values, binary_data=binary)
                answer = await client.infer(URL, InferRequest(model_name=MODEL, infer_inputs=[tensor]), model_name=MODEL)
                assert answer.outputs[0].as_numpy().argmax(axis=1).tolist() == [predicted(p) for p in PICTURES[:2]]
            image = InferInput("image", [1], "BYTES")
            image.set_data_from_numpy(np.array([PICTURES[0]], dtype=np.object_), binary_data=True)
            answer = await client.infer(URL, InferRequest(model_name=MODEL, infer_inputs=[image], request_id="eight"), model_name=MODEL)
            assert answer.id == "eight" and answer.outputs[0].as_numpy().argmax() == predicted(PICTURES[0])
            try:
                await client.infer(URL, InferRequest(model_name="another", infer_inputs=[image]), model_name="another")
                raise AssertionError("another model answered")
            except httpx.HTTPStatusError as e:
                assert e.response.status_code == 404 and "no model another" in str(e), e

    asyncio.run(ask())


def main():
    failed = 0
    with triton.InferenceServerClient(ADDRESS) as client:
        for test in (
            triton_describes, triton_infers, triton_chooses_outputs, triton_compresses, triton_counts,
            triton_is_refused, triton_asynchronously, triton_in_asyncio, kserve,
        ):
            try:
                test(client)
                print("ok", test.__name__)
            except Exception as e:
                failed += 1
                print("FAILED", test.__name__, type(e).__name__, e)
    return 1 if failed else 0


sys.exit(main())
