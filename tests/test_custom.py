"""Classes of one's own: tracked, kept as parameters, and read back with or without their class."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import CustomObject, Image, Repo, Run, Text, UsageError, ValueTypeError
from runstone_writer.media.custom import INLINE_LIMIT, RESERVED

PIXELS = np.zeros((2, 3), np.uint8)


@CustomObject.alias("tests.molecule")
class Molecule(CustomObject):
    def __init__(self, smiles, **more):
        super().__init__()
        self.storage["smiles"] = smiles
        self.storage.update(more)


class Forgetful(CustomObject):
    AIM_NAME = "tests.forgetful"

    def __init__(self):
        self.storage["a"] = 1


def kept(path, *objects):
    """Return objects as they come back from a sequence, and from the parameters."""
    with Run(repo=path, **QUIET) as run:
        for one in objects:
            run.track(one, name="x")
        run["x"] = list(objects)
    stored = Repo(path).get_run(run.hash)
    return stored.get_sequence("x").values.values_list(), stored["x"]


def test_an_object_comes_back_with_its_class_and_its_storage(tmp_path):
    given_one = Molecule(
        "CCO", mass=46.07, atoms=["C", "C", "O"], image=Image(PIXELS), raw=b"\0\xff", deep={"t": [Text("a")]}
    )
    for (found,) in kept(tmp_path, given_one):
        assert type(found) is Molecule
        assert found == given_one
        assert dict(found.storage) == dict(given_one.storage)
        assert found.storage["image"].size == (3, 2)
        assert found.storage["deep"]["t"][0].data == "a"


texts = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=8)
keys = st.one_of(texts, st.integers(), st.sampled_from(["$", "$blob", "$object", "blob", "size", "data"]))
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts, st.binary(max_size=5),
    st.just(bytes(INLINE_LIMIT + 1)),
)  # fmt: skip
inner = st.one_of(st.none(), st.integers(), texts)
storages = st.dictionaries(
    keys, leaves | st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_size=5
)


@settings(deadline=None, max_examples=40)
@given(st.lists(storages, min_size=1, max_size=4))
def test_any_storage_comes_back(tmp_path_factory, contents):
    objects = []
    for content in contents:
        objects.append(Molecule("x"))
        objects[-1].storage.clear()
        objects[-1].storage.update(content)
    for found in kept(tmp_path_factory.mktemp("custom"), *objects):
        assert [repr(dict(one.storage)) for one in found] == [repr(content) for content in contents]


def test_long_bytes_are_in_a_blob_and_read_when_they_are_asked_for(tmp_path):
    for (found,) in kept(tmp_path, Molecule("x", raw=bytes(INLINE_LIMIT + 1), short=bytes(INLINE_LIMIT))):
        (path,) = tmp_path.glob(".runstone/blobs/*/*")
        assert path.stat().st_size == INLINE_LIMIT + 1
        assert found.storage["raw"] == bytes(INLINE_LIMIT + 1)


UNKNOWN = """
import sys
from runstone import CustomObject, Repo, Run
stored = Repo(sys.argv[1]).get_run(sys.argv[2])
one = stored.get_sequence("x").values.first_value()
print(type(one).__name__, one.AIM_NAME, dict(one.storage), stored["x"][0] == one, one.json())
with Run(sys.argv[2], repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False) as run:
    run.track(one, name="x")
"""


def test_without_its_class_an_object_is_generic_and_can_be_tracked_again(tmp_path):
    kept(tmp_path, Molecule("CCO"))
    (run,) = Repo(tmp_path).list_all_runs()
    done = subprocess.run(
        [sys.executable, "-c", UNKNOWN, str(tmp_path), run], capture_output=True, text=True, check=True
    )
    assert done.stdout == "CustomObject tests.molecule {'smiles': 'CCO'} True {'smiles': 'CCO'}\n"
    found = Repo(tmp_path).get_run(run).get_sequence("x").values.values_list()
    assert [type(one) for one in found] == [Molecule, Molecule]


def test_a_class_that_forgets_its_base_has_a_storage_all_the_same(tmp_path):
    for (found,) in kept(tmp_path, Forgetful()):
        assert (type(found), found.storage["a"]) == (Forgetful, 1)


def test_a_storage_is_a_dictionary():
    storage = Molecule("a", b=1).storage
    assert (len(storage), list(storage), "b" in storage, storage.get("c", 5)) == (2, ["smiles", "b"], True, 5)
    del storage["b"]
    assert repr(storage) == "<Storage ['smiles']>"
    with pytest.raises(KeyError):
        storage["b"]


@pytest.mark.parametrize("value", [object(), {1, 2}, np.zeros(3), [object()]])
def test_what_cannot_be_kept_is_refused_when_it_is_set(value):
    with pytest.raises(ValueTypeError, match="cannot be kept"):
        Molecule(value)


@pytest.mark.parametrize("key", [1.5, None, ("a", "b"), True])
def test_a_key_is_a_string_or_an_integer(key):
    with pytest.raises(ValueTypeError, match="strings or integers"):
        Molecule("a").storage[key] = 1


@pytest.mark.parametrize("name", [*RESERVED, "", 5])
def test_names_that_runstone_needs_are_nobodys(name):
    with pytest.raises(UsageError, match="cannot be called"):
        CustomObject.alias(name)(type("Other", (CustomObject,), {}))


def test_a_name_belongs_to_one_class():
    with pytest.raises(UsageError, match="belongs to"):
        CustomObject.alias("tests.molecule")(type("Other", (CustomObject,), {}))
    again = type("Molecule", (CustomObject,), {"__module__": Molecule.__module__})
    try:
        CustomObject.alias("tests.molecule")(again)  # as when a notebook's cell is run twice
    finally:
        CustomObject.alias("tests.molecule", exist_ok=True)(Molecule)


def test_a_class_without_a_name_cannot_be_tracked(tmp_path):
    nameless = type("Nameless", (CustomObject,), {})
    with (
        Run(repo=tmp_path, **QUIET) as run,
        pytest.raises(UsageError, match="no name that a log could speak of"),
    ):
        run.track(nameless(), name="x")


def test_objects_are_equal_if_kind_and_state_are():
    assert Molecule("a") == Molecule("a") != Molecule("b")
    assert Molecule("a") != 5
    with pytest.raises(TypeError):
        hash(Molecule("a"))
    assert repr(Molecule("a")) == "<Molecule tests.molecule>"
