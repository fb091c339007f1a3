"""A stand-in for `tensorflow_model_server` where that cannot be installed.

It takes the real one's flags and speaks its protocols, gRPC's PredictionService and
REST's status and predict with columns, on a real SavedModel loaded by TensorFlow in
Python. What it cannot show is how the real binary loads, serves and fails.
"""

import argparse
import base64
import http.server
import json
import os
import sys
import threading
from concurrent import futures

VERSION = "TensorFlow ModelServer: stand-in"
FLAGS = ("port", "rest_api_port", "model_name", "model_base_path", "max_num_load_retries")


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--version", action="version", version=VERSION)
    for flag in FLAGS:
        parser.add_argument(f"--{flag}", required=True)
    flags = parser.parse_args()
    model = Model()
    rest = http.server.ThreadingHTTPServer(
        ("127.0.0.1", int(flags.rest_api_port)), rest_handler(model, flags.model_name)
    )
    threading.Thread(target=rest.serve_forever).start()
    server = grpc_server(model, int(flags.port))
    model.load(flags.model_base_path)
    server.wait_for_termination()


class Model:
    """The highest version of a folder, and how far its loading is."""

    def __init__(self):
        self.status = {"state": "LOADING", "status": {"error_code": "OK", "error_message": ""}}

    def load(self, folder):
        import tensorflow as tf

        newest = max((name for name in os.listdir(folder) if name.isdigit()), key=int)
        try:
            self._model = tf.saved_model.load(os.path.join(folder, newest))
        except Exception as error:
            self.status = {
                "state": "END",
                "status": {"error_code": "INVALID_ARGUMENT", "error_message": str(error)[:500]},
            }
        else:
            self.status = self.status | {"state": "AVAILABLE"}

    def predict(self, signature, inputs):
        """{key: array} of {key: list of byte strings}; ValueError for what is refused."""
        import tensorflow as tf

        ask = self._model.signatures[signature]
        try:
            answers = ask(**{key: tf.constant(texts, tf.string) for key, texts in inputs.items()})
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise ValueError(str(error)[:500]) from error
        return {key: answer.numpy() for key, answer in answers.items()}


def grpc_server(model, port):
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            texts = {key: list(tensor.string_val) for key, tensor in request.inputs.items()}
            try:
                answers = model.predict(request.model_spec.signature_name, texts)
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            response = predict_pb2.PredictResponse()
            for key, answer in answers.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(answer))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


def rest_handler(model, name):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == f"/v1/models/{name}":
                self._answer(200, {"model_version_status": [{"version": "1"} | model.status]})
            else:
                self._answer(404, {"error": "Malformed request"})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts = {
                key: [base64.b64decode(value["b64"]) for value in values]
                for key, values in body["inputs"].items()
            }
            try:
                answers = model.predict(body["signature_name"], texts)
            except ValueError as error:
                return self._answer(400, {"error": str(error)})
            outputs = {key: plain(answer) for key, answer in answers.items()}
            if len(outputs) == 1:
                [outputs] = outputs.values()
            self._answer(200, {"outputs": outputs})

        def _answer(self, code, reported):
            # Bytes of strings are written as they are, as RapidJSON does it.
            body = json.dumps(reported, ensure_ascii=False).encode("latin-1", errors="replace")
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def plain(array):
    values = array.tolist()
    return decoded(values) if array.dtype == object else values


def decoded(text):
    return [decoded(one) for one in text] if isinstance(text, list) else text.decode("latin-1")


if __name__ == "__main__":
    sys.exit(main())
