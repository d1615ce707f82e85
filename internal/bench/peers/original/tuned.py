"""The original service with what PyTorch's documentation advises for inference on a CPU: inference_mode, channels_last, one thread,
torchvision's own JPEG decoder and its transforms on tensors, which are vectorised where those on PIL pictures are not.
"""

import io
import os

import torch
import torchvision
from fastapi import FastAPI, File, UploadFile
from PIL import Image
from prometheus_client import Counter, make_asgi_app
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

saved = torch.load(os.environ["BENCH_WEIGHTS"])
labels = saved["labels"]
model = torchvision.models.resnet18(num_classes=len(labels))
model.load_state_dict(saved["weights"])
model = model.eval().to(memory_format=torch.channels_last)
torch.set_num_threads(1)

preprocess = v2.Compose(
    [
        v2.Resize(256, antialias=True),
        v2.CenterCrop(224),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
requests = Counter("inference_requests_total", "Requests for inference.")
app = FastAPI()
app.mount("/metrics", make_asgi_app())


def decode(data):
    if data[:3] == b"\xff\xd8\xff":
        return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
    return v2.functional.pil_to_tensor(Image.open(io.BytesIO(data)).convert("RGB"))


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
async def predict(file: UploadFile = File(...)):
    requests.inc()
    with torch.inference_mode():
        batch = preprocess(decode(await file.read())).unsqueeze(0).contiguous(memory_format=torch.channels_last)
        probabilities = torch.softmax(model(batch)[0], 0)
        values, classes = probabilities.topk(5)
    return {
        "predictions": [
            {"class_id": c, "synset": labels[c][0], "label": labels[c][1], "probability": p}
            for p, c in zip(values.tolist(), classes.tolist())
        ]
    }
