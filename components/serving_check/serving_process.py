"""Serves SavedModels in a process of its own, on TensorFlow's C library alone.

Run as `python -I -S serving_process.py`, it sees only the standard library: no TensorFlow
in Python, no Keras, no training code. The C library loads a SavedModel with the same loader
as TensorFlow Serving, and starts in a fraction of a second where Python's TensorFlow takes
three seconds.

stdin: JSON {library, path, signatures, requests: {signature: [base64]}, corrupt:
{signature: base64}, large_batch, time_budget}; a signature is {inputs, outputs: {key:
"node:index"}}. stdout: lines of JSON: {"at": what is asked next} …, then {"said": see
`interrogate`} or {"error": TensorFlow's message}.
"""

import base64
import ctypes
import json
import math
import sys
import time

_STRING = 7  # TF_DataType
_STRING_BYTES = 24  # of a TF_TString
_NUMBERS = {1: ("float32", 4), 3: ("int32", 4), 4: ("uint8", 1), 9: ("int64", 8)}
_pointer = ctypes.c_void_p


class _Output(ctypes.Structure):
    _fields_ = [("operation", _pointer), ("index", ctypes.c_int)]


class ServingError(Exception):
    """TensorFlow's error message in place of a result."""


class Server:
    """One loaded SavedModel."""

    def __init__(self, library, path, signatures):
        self._tf, self._status = library, library.TF_NewStatus()
        self._signatures = signatures
        self._graph = library.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = library.TF_LoadSessionFromSavedModel(
            library.TF_NewSessionOptions(), None, path.encode(), tags, 1, self._graph, None,
            self._status,
        )  # fmt: skip
        self._check()

    def ask(self, signature, texts, keep):
        """{key: tensor} of the last `keep` answers to a batch of byte strings.

        A tensor is {"dtype", "shape", "data"}: base64 of the numbers as they are in
        memory, or a list of base64 of the strings.
        """
        tf, outputs = self._tf, self._signatures[signature]["outputs"]
        [fed] = self._signatures[signature]["inputs"].values()
        batch = self._strings(texts)
        answers = (_pointer * len(outputs))()
        tf.TF_SessionRun(
            self._session, None, (_Output * 1)(self._node(fed)), (_pointer * 1)(batch), 1,
            (_Output * len(outputs))(*map(self._node, outputs.values())), answers, len(outputs),
            None, 0, None, self._status,
        )  # fmt: skip
        tf.TF_DeleteTensor(batch)
        self._check()
        read = {
            key: self._read(key, answer, len(texts), keep)
            for key, answer in zip(outputs, answers, strict=True)
        }
        for answer in answers:
            tf.TF_DeleteTensor(answer)
        return read

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

    def _read(self, key, tensor, rows, keep):
        tf = self._tf
        shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
        if shape[:1] != [rows]:
            raise ServingError(f"{key} has the shape {shape} for {rows} requests")
        keep, width = min(keep, rows), math.prod(shape[1:])
        start, kind = tf.TF_TensorData(tensor), tf.TF_TensorType(tensor)
        first, count = (rows - keep) * width, keep * width
        if kind == _STRING:
            dtype, data = "string", []
            for number in range(first, first + count):
                at = start + number * _STRING_BYTES
                text = tf.TF_StringGetDataPointer(at), tf.TF_StringGetSize(at)
                data.append(base64.b64encode(ctypes.string_at(*text)).decode())
        elif kind in _NUMBERS:
            dtype, size = _NUMBERS[kind]
            numbers = ctypes.string_at(start + first * size, count * size) if count else b""
            data = base64.b64encode(numbers).decode()
        else:
            raise ServingError(f"{key} is of TensorFlow's type {kind}, which no model here gives")
        return {"dtype": dtype, "shape": [keep, *shape[1:]], "data": data}

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


def interrogate(server, task, report):
    """Asks one served model everything.

    Args:
      server: has `ask(signature, texts, keep)`, which raises ServingError.
      task: requests, corrupt, large_batch, time_budget; texts are bytes.
      report: callable; takes what is asked next.

    Returns:
      {"answers": {signature: {"one", "all", "large", "after": what `ask` gave}}, "corrupt":
      {signature: the error for a corrupt image, or None}, "latency": [seconds of
      requests of one]}. Of the large batch, the last answers are kept, as many as there
      are requests; "after" is one request after the corrupt image.

    Raises:
      ServingError: an answer to anything but a corrupt image was an error.
    """
    answers = {}
    for signature, texts in task["requests"].items():
        answers[signature] = {}
        for name, batch in (
            ("one", texts[:1]),
            ("all", texts),
            ("large", large(texts, task["large_batch"])),
        ):
            report(f"{signature} with a batch of {len(batch)}")
            answers[signature][name] = server.ask(signature, batch, len(texts))
    corrupt = {}
    for signature, text in task["corrupt"].items():
        report(f"{signature} with a corrupt image")
        try:
            server.ask(signature, [text], 1)
            corrupt[signature] = None
        except ServingError as error:
            corrupt[signature] = str(error)[:200]
        report(f"{signature} after a corrupt image")
        answers[signature]["after"] = server.ask(signature, task["requests"][signature][:1], 1)
    report("a request of one image")
    latency = _latency(server, task["requests"]["serving_default"], task["time_budget"])
    return {"answers": answers, "corrupt": corrupt, "latency": latency}


def large(texts, size):
    """The requests over and over, `size` of them or at least each once; ends with the last."""
    size = max(size, len(texts))
    return (texts * (size // len(texts) + 1))[-size:]


def peak_memory(process="self"):
    """Bytes, by the kernel's account of this process; getrusage's begins with the parent's."""
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        [kib] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    return int(kib) * 1024


def _latency(server, texts, time_budget):
    """Seconds of single requests, 100 at most, as many as fit into the budget."""
    seconds, end = [], time.perf_counter() + time_budget
    while len(seconds) < 100 and (len(seconds) < 5 or time.perf_counter() < end):
        began = time.perf_counter()
        server.ask("serving_default", [texts[len(seconds) % len(texts)]], 1)
        seconds.append(time.perf_counter() - began)
    return seconds


def _print(**line):
    print(json.dumps(line), flush=True)


def main():
    task = json.load(sys.stdin)
    task["requests"] = {
        name: [base64.b64decode(text) for text in texts] for name, texts in task["requests"].items()
    }
    task["corrupt"] = {name: base64.b64decode(text) for name, text in task["corrupt"].items()}
    _print(at="loading")
    try:
        server = Server(open_library(task["library"]), task["path"], task["signatures"])
        said = interrogate(server, task, lambda at: _print(at=at))
    except ServingError as error:
        _print(error=str(error))
    else:
        _print(said=said | {"memory_bytes": peak_memory()})


if __name__ == "__main__":
    main()
