"""The names of anomalies, known before TensorFlow loads."""

from tensorflow_metadata.proto.v0 import anomalies_pb2

EMPTY_SPLIT = "EMPTY_SPLIT"  # a split without examples
NO_COMMON_CLASS = "NO_COMMON_CLASS"  # a split none of whose labels occurs in train

# Our two, and those of TFDV.
ANOMALY_TYPES = (EMPTY_SPLIT, NO_COMMON_CLASS, *anomalies_pb2.AnomalyInfo.Type.keys())
