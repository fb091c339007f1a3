"""Serves SavedModels in a process of its own, on TensorFlow's C library alone.

Run as `python -I -S serving_process.py`, it sees the standard library and nothing else:
no TensorFlow in Python, no Keras, no code of the training. The C library loads a
SavedModel with the very loader that TensorFlow Serving uses, and starts in a fraction
of a second where Python's TensorFlow takes three.

stdin: JSON {library, large_batch, time_budget, models: [{name, path, signatures,
requests: {signature: [base64]}}]}; a signature is {inputs, outputs: {key: "node:index"}}.
stdout, a line for each model: JSON {name: {answers | error, …}}; see `_serve`.
"""

import base64
import ctypes
import json
import sys
import time

_FLOAT, _STRING, _INT64 = 1, 7, 9  # TF_DataType
_STRING_BYTES = 24  # of a TF_TString
_CORRUPT = b"\x89PNG\r\n\x1a\nthis is no picture"
_pointer = ctypes.c_void_p


class _Output(ctypes.Structure):
    _fields_ = [("operation", _pointer), ("index", ctypes.c_int)]


class ServingError(Exception):
    """What TensorFlow answered instead of a result."""


class Server:
    """One loaded SavedModel."""

    def __init__(self, library, path):
        self._tf, self._status = library, library.TF_NewStatus()
        self._graph = library.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = library.TF_LoadSessionFromSavedModel(
            library.TF_NewSessionOptions(), None, path.encode(), tags, 1, self._graph, None,
            self._status,
        )  # fmt: skip
        self._check()

    def ask(self, signature, texts):
        """{key: nested list} of a batch of byte strings."""
        tf, outputs = self._tf, signature["outputs"]
        [fed] = signature["inputs"].values()
        batch = self._strings(texts)
        answers = (_pointer * len(outputs))()
        tf.TF_SessionRun(
            self._session, None, (_Output * 1)(self._node(fed)), (_pointer * 1)(batch), 1,
            (_Output * len(outputs))(*map(self._node, outputs.values())), answers, len(outputs),
            None, 0, None, self._status,
        )  # fmt: skip
        tf.TF_DeleteTensor(batch)
        self._check()
        return {key: self._read(answer) for key, answer in zip(outputs, answers, strict=True)}

    def _node(self, name):
        operation, _, index = name.partition(":")
        found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        return _Output(found, int(index or 0))

    def _strings(self, texts):
        dims = (ctypes.c_int64 * 1)(len(texts))
        tensor = self._tf.TF_AllocateTensor(_STRING, dims, 1, len(texts) * _STRING_BYTES)
        start = self._tf.TF_TensorData(tensor)
        for number, text in enumerate(texts):
            place = start + number * _STRING_BYTES
            self._tf.TF_StringInit(place)
            self._tf.TF_StringCopy(place, text, len(text))
        return tensor

    def _read(self, tensor):
        tf = self._tf
        shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
        count = 1
        for size in shape:
            count *= size
        start, kind = tf.TF_TensorData(tensor), tf.TF_TensorType(tensor)
        if kind == _STRING:
            places = (start + number * _STRING_BYTES for number in range(count))
            values = [
                base64.b64encode(
                    ctypes.string_at(tf.TF_StringGetDataPointer(at), tf.TF_StringGetSize(at))
                ).decode()
                for at in places
            ]
        else:
            number = {_FLOAT: ctypes.c_float, _INT64: ctypes.c_int64}[kind]
            values = list((number * count).from_address(start)) if count else []
        tf.TF_DeleteTensor(tensor)
        if len(shape) < 2:
            return values
        width = count // shape[0] if shape[0] else 0
        return [values[row * width : (row + 1) * width] for row in range(shape[0])]

    def _check(self):
        if self._tf.TF_GetCode(self._status):
            raise ServingError(self._tf.TF_Message(self._status).decode(errors="replace"))


def open_library(folder):
    """TensorFlow's C library, from the folder of the installed package."""
    ctypes.CDLL(f"{folder}/libtensorflow_framework.so.2", mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2", mode=ctypes.RTLD_GLOBAL)
    size, text, integer = ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int
    types = {
        "TF_NewStatus": (_pointer, []),
        "TF_GetCode": (integer, [_pointer]),
        "TF_Message": (text, [_pointer]),
        "TF_NewGraph": (_pointer, []),
        "TF_NewSessionOptions": (_pointer, []),
        "TF_LoadSessionFromSavedModel": (
            _pointer, [_pointer, _pointer, text, _pointer, integer, _pointer, _pointer, _pointer],
        ),
        "TF_GraphOperationByName": (_pointer, [_pointer, text]),
        "TF_AllocateTensor": (_pointer, [integer, _pointer, integer, size]),
        "TF_DeleteTensor": (None, [_pointer]),
        "TF_TensorData": (_pointer, [_pointer]),
        "TF_TensorType": (integer, [_pointer]),
        "TF_NumDims": (integer, [_pointer]),
        "TF_Dim": (ctypes.c_int64, [_pointer, integer]),
        "TF_StringInit": (None, [_pointer]),
        "TF_StringCopy": (None, [_pointer, text, size]),
        "TF_StringGetDataPointer": (_pointer, [_pointer]),
        "TF_StringGetSize": (size, [_pointer]),
        "TF_SessionRun": (
            None,
            [_pointer, _pointer, _pointer, _pointer, integer, _pointer, _pointer, integer,
             _pointer, integer, _pointer, _pointer],
        ),
    }  # fmt: skip
    for name, (result, arguments) in types.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _serve(library, model, large_batch, time_budget):
    """What one model did.

    Returns:
      {"answers": {signature: {"one": …, "all": …}}, "latency": [seconds of requests of
      one], "corrupt": the error that a corrupt image gave, "memory_bytes"}; or {"error",
      "at"}: what was asked when it failed.
    """
    at = "loading"
    try:
        server = Server(library, model["path"])
        answers, latency = {}, []
        for name, encoded in model["requests"].items():
            texts, signature = (
                [base64.b64decode(text) for text in encoded],
                model["signatures"][name],
            )
            at = f"{name} with a batch of one"
            one = server.ask(signature, texts[:1])
            at = f"{name} with a batch of {len(texts)}"
            every = server.ask(signature, texts)
            answers[name] = {"one": one, "all": every}
            at = f"{name} with a batch of {large_batch}"
            server.ask(signature, (texts * (large_batch // len(texts) + 1))[:large_batch])
        corrupt = None
        if "serving_default" in model["signatures"]:
            name = "serving_default"
            try:
                server.ask(model["signatures"][name], [_CORRUPT])
            except ServingError as error:
                corrupt = str(error)[:200]
            at = f"{name} after a corrupt image"
            answers[name]["after"] = server.ask(model["signatures"][name], _texts(model, name)[:1])
            latency = _latency(server, model["signatures"][name], _texts(model, name), time_budget)
    except ServingError as error:
        return {"error": str(error), "at": at}
    return {
        "answers": answers,
        "latency": latency,
        "corrupt": corrupt,
        "memory_bytes": _peak_memory(),
    }


def _peak_memory():
    """Bytes; from the kernel's own account, as getrusage's begins with the parent's."""
    with open("/proc/self/status", encoding="ascii") as status:
        [kib] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    return int(kib) * 1024


def _texts(model, signature):
    return [base64.b64decode(text) for text in model["requests"][signature]]


def _latency(server, signature, texts, time_budget):
    """Seconds of single requests, 100 at most, as many as fit into the budget."""
    seconds, end = [], time.perf_counter() + time_budget
    while len(seconds) < 100 and (len(seconds) < 5 or time.perf_counter() < end):
        began = time.perf_counter()
        server.ask(signature, [texts[len(seconds) % len(texts)]])
        seconds.append(time.perf_counter() - began)
    return seconds


def main():
    task = json.load(sys.stdin)
    library = open_library(task["library"])
    for model in task["models"]:
        result = _serve(library, model, task["large_batch"], task["time_budget"])
        print(json.dumps({model["name"]: result}), flush=True)


if __name__ == "__main__":
    main()
