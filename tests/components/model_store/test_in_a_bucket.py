"""A push destination in a bucket: whole versions only, each with a number of its own."""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.model_store.bucket_publish import remove_leftovers
from components.model_store.layout import served_instead
from components.model_store.model_files import copy_model, local_model, model_fingerprint
from components.model_store.pins import pin, pinned, unpin
from components.model_store.pruning import prune
from components.model_store.publish import publish
from components.model_store.restoring import roll_back
from components.model_store.versions import PushRecord, champion_of, list_versions, newest
from failures import Failure
from files import places, writing
from files.buckets import objects
from tests.bucket_servers import answering, cutting_proxy, environment
from tests.components.model_store.tiny_model import answer_of, save_tiny_model

LONG_AGO = "2026-01-01T00:00:00+00:00"


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three models, which answer 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("models")
    return {answer: str(save_tiny_model(folder / str(answer), answer)) for answer in (1, 2, 3)}


@pytest.fixture
def destination(bucket) -> str:
    return f"{bucket.address}/models/digits"


def record_of(model, pushed_at=LONG_AGO) -> PushRecord:
    return PushRecord(model_fingerprint(model), model, pushed_at)


def test_versions_are_pushed_found_rolled_back_pinned_and_pruned(models, destination):
    assert list_versions(destination) == []
    for answer, model in models.items():
        assert publish(model, destination, record_of(model)).number == answer
    assert publish(models[2], destination, record_of(models[2])).number == 2
    assert [version.number for version in list_versions(destination)] == [1, 2, 3]
    with local_model(newest(destination).path) as folder:
        assert answer_of(folder) == 3
    assert model_fingerprint(f"{destination}/3") == model_fingerprint(models[3])
    assert champion_of(destination, model_fingerprint(models[3])).number == 2

    roll_back(destination, 1)
    restored = newest(destination)
    assert (restored.number, restored.record.restored_from, restored.record.replaced) == (4, 1, 3)
    with local_model(restored.path) as folder:
        assert answer_of(folder) == 1

    pin(destination, 1)
    assert pinned(destination) == {1}
    assert [version.number for version in prune(destination, keep=1)] == [2]
    unpin(destination, 1)
    assert [version.number for version in prune(destination, keep=1)] == [1]
    assert [version.number for version in list_versions(destination)] == [3, 4]
    left = places.files_below(destination)
    assert not [path for path in left if path.startswith((".pushing", "1/", "2/"))]


def test_versions_are_listed_at_once_with_three_requests_each(destination, monkeypatch):
    together, requests = threading.Barrier(4), []
    record = PushRecord("f", "", LONG_AGO, origin={"configuration": "key: value\n" * 10_000})
    for number in range(1, 5):
        writing.write(f"{destination}/{number}/saved_model.pb", "")
        writing.write(f"{destination}/{number}/steadyfeed.json", record.to_json())

    def counted(ask, wait=lambda: None):
        def counting(path, *arguments):
            requests.append(str(path))
            wait()
            return ask(path, *arguments)

        monkeypatch.setattr(objects, ask.__name__, counting)

    for ask in (objects.head, objects.is_folder, objects.children):
        counted(ask)
    counted(objects.read, lambda: together.wait(timeout=20))  # Fails where one waits for another.
    assert [version.record for version in list_versions(destination)] == [record] * 4
    assert sum(path != destination for path in requests) == 3 * 4


def test_a_later_version_is_found_in_service_instead_of_an_earlier_one(models, destination):
    for model in models.values():
        publish(model, destination, record_of(model))
    assert served_instead(f"{destination}/1") == 3
    assert served_instead(f"{destination}/3") is None
    objects.remove(f"{destination}/3/saved_model.pb")
    assert served_instead(f"{destination}/1") == 2
    assert served_instead("s3://there-is-no-such-bucket/models/1") is None


def test_the_file_that_makes_a_version_appears_last(models, destination, monkeypatch):
    written = []
    copy = objects.copy
    monkeypatch.setattr(objects, "copy", lambda a, b: (copy(a, b), written.append(b)))
    publish(models[1], destination, record_of(models[1]))
    assert written[-1] == f"{destination}/1/saved_model.pb"
    assert len(written) > 2
    assert all(path.startswith(f"{destination}/1/") for path in written)


def test_many_pushers_get_a_number_each_and_one_model_gets_one(models, destination):
    records = [PushRecord(f"fingerprint {number}", "", LONG_AGO) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        pushed = list(pool.map(lambda one: publish(models[1], destination, one), records))
    assert sorted(version.number for version in pushed) == [1, 2, 3, 4, 5, 6]
    assert {v.record.fingerprint for v in list_versions(destination)} == {
        record.fingerprint for record in records
    }


@pytest.mark.slow
def test_a_push_over_connections_that_are_cut_is_whole(models, bucket, destination, monkeypatch):
    halves, whole, done = [], model_fingerprint(models[1]), threading.Event()

    def watch():
        while not done.is_set():
            newest = list_versions(destination)[-1:]
            halves.extend(one for one in newest if model_fingerprint(one.path) != whole)

    with cutting_proxy(bucket.server, cuts=20, most_bytes=60_000) as proxy:
        for name, value in environment(bucket.scheme, proxy.url).items():
            monkeypatch.setenv(name, value)
        watcher = threading.Thread(target=watch)
        watcher.start()
        count = 0
        while proxy.cut < 20:
            count += 1
            record = PushRecord(f"{count}", "", LONG_AGO)
            assert publish(models[1], destination, record).number == count
        done.set()
        watcher.join()
        versions = list_versions(destination)
        assert [version.number for version in versions] == list(range(1, count + 1))
        assert all(model_fingerprint(version.path) == whole for version in versions)
    assert halves == []


@pytest.mark.slow
def test_pushers_that_are_killed_leave_no_half_model_and_are_gone_on_with(models, destination):
    chance, whole = random.Random(0), model_fingerprint(models[2])
    for kill in range(8):
        child = os.fork()
        if child == 0:
            try:
                for number in range(1000):
                    publish(models[2], destination, PushRecord(f"{kill}-{number}", "", LONG_AGO))
            finally:
                os._exit(1)
        there, more = len(places.files_below(destination)), chance.randrange(1, 12)
        while len(places.files_below(destination)) < there + more:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    versions = list_versions(destination)
    assert all(model_fingerprint(version.path) == whole for version in versions)

    last = publish(models[2], destination, PushRecord("the last", "", LONG_AGO))
    assert last.number >= max([version.number for version in versions], default=1)
    remove_leftovers(destination, time.time() + 60)
    whole_numbers = {str(version.number) for version in list_versions(destination)}
    assert {path.partition("/")[0] for path in places.files_below(destination)} == whole_numbers


def test_a_push_that_was_killed_after_it_had_its_number_is_gone_on_with(models, destination):
    record = record_of(models[1])
    writing.write(f"{destination}/1/steadyfeed.json", record.to_json())
    writing.write(f"{destination}/1/variables/variables.index", "half")
    assert list_versions(destination) == []

    assert publish(models[2], destination, record_of(models[2])).number == 2
    assert publish(models[1], destination, record).number == 3

    other = f"{destination}-of-others"
    writing.write(f"{other}/1/steadyfeed.json", record.to_json())
    assert publish(models[1], other, record).number == 1
    with local_model(f"{other}/1") as folder:
        assert answer_of(folder) == 1


def test_what_a_killed_prune_left_of_a_version_goes_with_the_next_one(
    models, destination, monkeypatch
):
    for model in models.values():
        publish(model, destination, record_of(model))
    remove, left = objects.remove, [3]  # objects of the version that goes

    def kill(path):
        if f"{destination}/1/" in str(path):
            if not left[0]:
                raise Killed
            left[0] -= 1
        remove(path)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(objects, "remove", kill)
        with pytest.raises(Killed):
            prune(destination, keep=1)
    assert places.exists(f"{destination}/1/steadyfeed.json")
    assert [version.number for version in list_versions(destination)] == [2, 3]
    prune(destination, keep=1)
    assert {path.partition("/")[0] for path in places.files_below(destination)} == {"2", "3"}


def test_what_killed_pushes_left_is_removed_after_a_day_alone(models, destination):
    half = PushRecord("other", "", LONG_AGO)
    writing.write(f"{destination}/1/steadyfeed.json", half.to_json())
    writing.write(f"{destination}/.pushing-20260101T000000-a/variables", "half")
    copy_model(models[1], f"{destination}/7")  # by somebody else
    publish(models[2], destination, record_of(models[2]))
    remove_leftovers(destination, since=0)
    assert places.exists(f"{destination}/1/steadyfeed.json")
    prune(destination, keep=5)
    assert [os.path.basename(path) for path in places.files_in(destination)] == ["7", "8"]


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_a_bucket_that_is_missing_or_refuses_is_one_line(models, bucket, monkeypatch):
    missing = "s3://there-is-no-such-bucket/models"
    for action in (list_versions, lambda place: publish(models[1], place, record_of(models[1]))):
        with pytest.raises(Failure, match=r"there is no bucket '.*'\. ") as one:
            action(missing)
        assert len(str(one.value).splitlines()) == 1

    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    with answering(lambda path: (403, denied)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(Failure, match=r"access is denied .* Correct this or set another push"):
            list_versions(missing)
