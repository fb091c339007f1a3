"""Patterns of names and quantities, as Kubernetes, Argo and the backend have them."""

import re

QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
# Argo's DAGs: no '_', no '.', no leading digit.
TASK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
SCHEMA_TITLE = re.compile(r"[a-z][\w-]*(\.[\w-]+)*\.[A-Za-z][\w-]*")
DURATION = re.compile(r"\d+(\.\d+)?s")
LABEL_KEY = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?")
