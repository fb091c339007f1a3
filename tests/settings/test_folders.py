"""A folder is used as it is written, or refused before anything runs."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from failures import ConfigurationError
from settings.configuration import Configuration
from settings.ingest import Security
from settings.reading import load
from settings.sources import SOURCES
from settings.training_input import InputFunction
from settings.types_in_words import fields, plain

DIGITS = Path("configs/digits.yaml").resolve()
KEYS = ("root", "push.destination", "data.data_dir", "training.input.cache_dir")
NAMES = st.text("ab1[]*?{}:#% -~$@\n\\é\udcff'\"=+,&;^`|<>!()", min_size=1, max_size=8).filter(
    lambda name: not set(name) <= {" "}
)


def loaded(key, folder):
    """The configuration that names a folder; None where it is refused in one line."""
    try:
        return load(DIGITS, [f"{key}={json.dumps(str(folder))}"])
    except ConfigurationError as error:
        [line] = str(error).splitlines()
        assert line.startswith(f"--set: {key}: given ")
        return None


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """A function that has each library that writes into a folder write there and read it again."""
    import tensorflow as tf
    from etils import epath
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    module = tf.Module()
    module.number = tf.Variable(7)
    saved = tmp_path_factory.mktemp("saved") / "model"
    tf.saved_model.save(module, str(saved))

    def use(folder):
        folder = Path(folder)
        shutil.copytree(saved, folder / "model")
        assert tf.saved_model.load(str(folder / "model")).number == 7
        state = tf.train.Checkpoint(number=tf.Variable(3))
        manager = tf.train.CheckpointManager(state, str(folder / "checkpoints"), max_to_keep=1)
        state.restore(manager.save()).assert_consumed()
        with tf.io.TFRecordWriter(str(folder / "records")) as writer:
            writer.write(b"record")
        assert list(tf.data.TFRecordDataset([str(folder / "records")])) == [b"record"]
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(folder / "metadata.sqlite")
        MetadataStore(connection).get_context_types()
        names = {"model", "checkpoints", "records", "metadata.sqlite"}
        assert {path.name for path in epath.Path(folder).iterdir()} == names
        assert {Path(path).name for path in tf.io.gfile.glob(f"{folder}/*")} == names

    return use


def content(folder):
    """A digest of a folder's paths and files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [(str(path), path.read_bytes()) for path in files]
    return hashlib.sha256(repr(found).encode()).hexdigest()


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(NAMES, st.sampled_from(KEYS))
@example("p[1]", "push.destination")
@example("p%41#a:b@2", "root")
def test_a_folder_of_any_name_works_beside_its_neighbours_or_is_refused(
    tmp_path, libraries, name, key
):
    whole = tmp_path / "below"
    shutil.rmtree(whole, ignore_errors=True)
    plain = "".join(letter for letter in name if letter.isalnum() and letter.isascii())
    neighbours = {f"x{plain}", f"x{plain}1", "xa", "x"} - {f"x{name}"}
    for neighbour in neighbours:
        (whole / neighbour / "model").mkdir(parents=True)
        (whole / neighbour / "model" / "kept").write_text("kept")
    before = content(whole)
    given = whole / f"x{name}"
    if loaded(key, given):
        libraries(given)
        shutil.rmtree(given)
    assert content(whole) == before


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "folder", ["x[1]", "x*", "{x}", "x?", "x\\y", "-x", "$HOME/x", "x\ny", "\udcff", "file:x"]
)
def test_what_a_library_reads_as_a_pattern_or_an_address_is_refused(key, folder):
    assert loaded(key, folder) is None


def test_a_home_folder_is_meant_only_where_it_is_put_in(tmp_path):
    assert loaded("data.data_dir", "~/tensorflow_datasets")
    assert loaded("root", "~/runs") is None


def paths(section):
    """What checks the paths of this machine among a section's keys."""
    for field in fields(section).values():
        _, marks = plain(field.annotation, tuple(field.metadata))
        for mark in marks:
            if " in front" in getattr(getattr(mark, "func", None), "words", ""):
                yield mark.func


def is_taken(form, path):
    try:
        return form(path) == path
    except ValueError:
        return False


@pytest.mark.parametrize("section", [Configuration, InputFunction, Security, *SOURCES.values()])
def test_the_words_of_a_path_say_whether_it_may_begin_with_the_home_folder(section):
    forms = list(paths(section))
    assert forms
    for form in forms:
        told = form.words.endswith("and no - or ~ in front but for ~/")
        assert is_taken(form, "~/photos/labels.csv") == told, form.words
        assert not any(is_taken(form, f"{wrong}labels.csv") for wrong in ("~", "-", "~/~"))


def test_a_cluster_is_said_to_take_a_pattern_of_spans():
    kubeflow = "kubeflow.data_dir"
    assert loaded(kubeflow, "/data/span-{SPAN}").kubeflow.data_dir == "/data/span-{SPAN}"
    with pytest.raises(ConfigurationError, match=r"or a pattern such as /data/span-\{SPAN\}"):
        load(DIGITS, [f"{kubeflow}=/data/*"])


def test_a_relative_folder_is_refused_in_a_working_folder_that_is_a_pattern(tmp_path, monkeypatch):
    here = tmp_path / "x[1]"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(ConfigurationError, match="root: given 'runs/digits'; below the working"):
        load(DIGITS)
