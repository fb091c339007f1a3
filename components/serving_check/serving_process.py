"""Serves SavedModels in a process of its own, on TensorFlow's C library alone.

Run as `python -I -S serving_process.py`, it sees only the standard library: no TensorFlow
in Python, no Keras, no training code. The C library loads a SavedModel with the same loader
as TensorFlow Serving, and starts in a fraction of a second where Python's TensorFlow takes
three seconds.

Over the socket whose number is its argument comes the library's folder; then the model's path and
its signatures, {name: {"inputs", "outputs": {key: "node:index"}}}; then one (signature, texts,
keep) after another. It answers each: with {} once it has loaded the library or the model, then with
{key: (dtype, shape, data)}; or with TensorFlow's message.
"""

import contextlib
import ctypes
import math
import sys
from multiprocessing.connection import Connection

_STRING = 7  # TF_DataType
_STRING_BYTES = 24  # of a TF_TString
_NUMBERS = {1: ("float32", 4), 3: ("int32", 4), 4: ("uint8", 1), 9: ("int64", 8)}
_POINTERS = (  # what gives a pointer
    "TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel",
    "TF_GraphOperationByName", "TF_AllocateTensor", "TF_TensorData", "TF_StringGetDataPointer",
)  # fmt: skip


class _Pointer(ctypes.c_void_p):
    """A result of this type stays a pointer; c_void_p itself would become a number."""


class _Output(ctypes.Structure):
    _fields_ = [("operation", _Pointer), ("index", ctypes.c_int)]


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
        """{key: (dtype, shape, data)} of the last `keep` answers to a batch of byte strings.

        The data are the numbers as they are in memory, or a list of strings.
        """
        tf, outputs = self._tf, self._signatures[signature]["outputs"]
        [fed] = self._signatures[signature]["inputs"].values()
        batch = self._strings(texts)
        answers = (_Pointer * len(outputs))()
        tf.TF_SessionRun(
            self._session, None, (_Output * 1)(self._node(fed)), (_Pointer * 1)(batch), 1,
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
        size = ctypes.c_size_t(len(texts) * _STRING_BYTES)
        tensor = self._tf.TF_AllocateTensor(_STRING, dims, 1, size)
        start = self._tf.TF_TensorData(tensor).value
        for number, text in enumerate(texts):
            place = _Pointer(start + number * _STRING_BYTES)
            self._tf.TF_StringInit(place)
            self._tf.TF_StringCopy(place, text, ctypes.c_size_t(len(text)))
        return tensor

    def _read(self, key, tensor, rows, keep):
        tf = self._tf
        shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
        if shape[:1] != [rows]:
            raise ServingError(f"{key} has the shape {shape} for {rows} requests")
        keep, width = min(keep, rows), math.prod(shape[1:])
        start, kind = tf.TF_TensorData(tensor).value, tf.TF_TensorType(tensor)
        first, count = (rows - keep) * width, keep * width
        if kind == _STRING:
            numbers = range(first, first + count)
            places = [_Pointer(start + number * _STRING_BYTES) for number in numbers]
            dtype = "object"
            data = [
                ctypes.string_at(tf.TF_StringGetDataPointer(at), tf.TF_StringGetSize(at))
                for at in places
            ]
        elif kind in _NUMBERS:
            dtype, size = _NUMBERS[kind]
            data = ctypes.string_at(start + first * size, count * size) if count else b""
        else:
            raise ServingError(f"{key} is of TensorFlow's type {kind}, which no model here gives")
        return dtype, [keep, *shape[1:]], data

    def _check(self):
        if self._tf.TF_GetCode(self._status):
            raise ServingError(self._tf.TF_Message(self._status).decode(errors="replace"))


def open_library(folder):
    """TensorFlow's C library, from the folder of the installed package."""
    ctypes.CDLL(f"{folder}/libtensorflow_framework.so.2", mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2", mode=ctypes.RTLD_GLOBAL)
    results = dict.fromkeys(_POINTERS, _Pointer)
    results |= {"TF_Message": ctypes.c_char_p, "TF_Dim": ctypes.c_int64}
    results |= {"TF_StringGetSize": ctypes.c_size_t}
    for name, kind in results.items():
        getattr(library, name).restype = kind
    return library


def main():
    parent = Connection(int(sys.argv[1]))
    [folder] = parent.recv()
    library = open_library(folder)
    parent.send({})
    path, signatures = parent.recv()
    try:
        server = Server(library, path, signatures)
    except ServingError as error:
        parent.send(str(error))
        return
    parent.send({})
    with contextlib.suppress(EOFError, OSError):  # The parent has closed its end, or died.
        while True:
            asked = parent.recv()
            try:
                answer = server.ask(*asked)
            except ServingError as error:
                answer = str(error)
            parent.send(answer)


if __name__ == "__main__":
    main()
