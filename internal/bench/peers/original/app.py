"""The original service as its README describes it: FastAPI, torchvision's ResNet18 and preprocessing, a Prometheus counter."""

import io
import os

import torch
import torchvision
from fastapi import FastAPI, File, UploadFile
from PIL import Image
from prometheus_client import Counter, make_asgi_app
from torchvision import transforms

saved = torch.load(os.environ["BENCH_WEIGHTS"])
labels = saved["labels"]
model = torchvision.models.resnet18(num_classes=len(labels))
model.load_state_dict(saved["weights"])
model.eval()
torch.set_num_threads(1)

preprocess = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
requests = Counter("inference_requests_total", "Requests for inference.")
app = FastAPI()
app.mount("/metrics", make_asgi_app())


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
async def predict(file: UploadFile = File(...)):
    requests.inc()
    image = Image.open(io.BytesIO(await file.read())).convert("RGB")
    with torch.no_grad():
        probabilities = torch.softmax(model(preprocess(image).unsqueeze(0))[0], 0)
    values, classes = probabilities.topk(5)
    return {
        "predictions": [
            {"class_id": int(c), "synset": labels[c][0], "label": labels[c][1], "probability": float(p)} for p, c in zip(values, classes)
        ]
    }
