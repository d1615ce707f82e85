"""LitServe: one worker, its queue over ZeroMQ (fast_queue); the picture is a form field."""

import os

import litserve

import vision


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.classify = vision.Classifier()

    def decode_request(self, request):
        return request["file"].file.read()

    def predict(self, data):
        return self.classify(data)

    def encode_response(self, answer):
        return answer


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(api_path="/predict"), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), num_api_servers=1, log_level="warning", access_log=False, generate_client_file=False
    )
