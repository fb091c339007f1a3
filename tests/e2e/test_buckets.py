"""Digits from a bucket to a model that is pushed to a bucket, champion and all."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sklearn.datasets import load_digits

from cli.command_line import main
from components.model_store.model_files import model_fingerprint
from components.model_store.versions import list_versions
from datasets.digits import enlarged_png
from files.buckets import objects
from tests.bucket_servers import S3_ENVIRONMENT, cutting_proxy, environment
from tests.e2e.test_digits import results

SECRET = S3_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"].encode()


@pytest.fixture
def digits(bucket) -> str:
    """The address of digits/<class>/<number>.png."""
    loaded = load_digits()
    keys = [f"data/digits/{label}/{number}.png" for number, label in enumerate(loaded.target)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(bucket.put, keys, map(enlarged_png, loaded.images)))
    return f"{bucket.address}/data/digits"


@pytest.fixture
def place(bucket, digits, tmp_path) -> list[str]:
    """The words that name root, data and push destination to any verb."""
    overrides = (
        f"root={tmp_path}/root",
        f"data={{source: folder, path: {digits}, cache_dir: {tmp_path}/cache, cache_gb: 0.1}}",
        f"push.destination={bucket.address}/models/digits",
        "training.epochs=2",
        "evaluation={thresholds: {accuracy: {min: 0.3}}}",
        "serving.max_slowdown=null",  # The machine may be busy.
    )
    return ["--config", "configs/digits.yaml", *(w for o in overrides for w in ("--set", o))]


def run(capfd, *words) -> tuple[int, str]:
    capfd.readouterr()
    code = main(list(words))
    said = capfd.readouterr()
    return code, said.out + said.err


@pytest.mark.slow
def test_digits_go_from_a_bucket_to_a_bucket_over_cut_connections(
    bucket, place, tmp_path, capfd, monkeypatch
):
    destination = f"{bucket.address}/models/digits"
    monkeypatch.setattr(objects, "_PAGE", 100)  # or a page would be longer than most connections
    with cutting_proxy(bucket.server, cuts=20) as proxy:
        for name, value in environment(bucket.scheme, proxy.url).items():
            monkeypatch.setenv(name, value)
        code, said = run(capfd, "run", *place)
    assert code == 0, said
    assert proxy.cut == 20
    assert "1,797 examples in 3 splits" in said
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    [version] = list_versions(destination)
    assert version.record.fingerprint == model_fingerprint(version.path)

    code, said = run(capfd, "run", *place)
    assert (code, set(results(said).values())) == (0, {"cached"}), said

    code, said = run(capfd, "run", *place, "--set", "seed=1")
    assert code == 0, said
    assert results(said)["FolderExampleGen"] == "cached"
    assert results(said)["ChampionResolver"] == "ran"
    assert [version.number for version in list_versions(destination)] == [1, 2], said

    code, said = run(capfd, "models", "list", *place)
    assert (code, len(said.splitlines())) == (0, 2), said
    assert run(capfd, "models", "rollback", *place)[0] == 0
    code, said = run(capfd, "models", "prune", "--keep", "1", "--grace-seconds", "0", *place)
    assert (code, "Left: " in said) == (0, True), said
    code, said = run(capfd, "lineage", "3", "--json", *place)
    assert code == 0, said
    lineage = json.loads(said)
    assert lineage["restored_from"] == 1
    assert lineage["data"]["dataset"] == f"{bucket.address}/data/digits"

    (tmp_path / "0.png").write_bytes(enlarged_png(load_digits().images[0]))
    code, said = run(capfd, "predict", str(tmp_path / "0.png"), *place)
    assert (code, "label" in said or "0" in said) == (0, True), said
    kept = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET in path.read_bytes()]
