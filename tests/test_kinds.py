"""The six kinds of sequences: the same calls for each, from the index, from the logs and in the past."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, hash_of, new_repo
from runstone import QueryReportMode, Repo
from runstone_indexer.indexer import Indexer
from runstone_query.sequences import KINDS

CALLS = {
    "metric": "query_metrics",
    "images": "query_images",
    "audios": "query_audios",
    "texts": "query_texts",
    "distributions": "query_distributions",
    "figures": "query_figure_objects",
}
WAYS = ("index", "logs", "past")


@pytest.fixture(params=WAYS)
def repo(request, tmp_path):
    """Two runs that have a sequence of each kind, as a log has them; text stands for what is in any of them."""
    layout = new_repo(tmp_path)
    for number in range(2):
        journal = Journal(layout, hash_of(number), number)
        journal.prop("experiment", f"e{number}")
        for entity, kind in KINDS.items():
            for step in range(5):
                value = number + step / 2 if kind == "number" else f"{kind} {step}"
                journal.track(value, f"my {entity}", step * 10, kind=kind, subset="val")
        journal.end()
    if request.param == "index":
        Indexer(layout).run_once()
    repo = Repo(tmp_path, index=request.param == "index")
    return repo.at("9999-01-01") if request.param == "past" else repo


def test_every_kind_has_a_query():
    assert CALLS.keys() == KINDS.keys()
    assert set(Repo.available_sequence_types()) >= CALLS.keys()


@pytest.mark.parametrize("entity", KINDS)
def test_a_query_finds_the_sequences_of_its_kind(repo, entity):
    result = getattr(repo, CALLS[entity])(
        f"{entity}.name == 'my {entity}' and {entity}.context.subset == 'val'"
    )
    assert len(result) == 2
    assert [(s.name, s.run.hash) for s in result.iter()] == [
        (f"my {entity}", hash_of(1)), (f"my {entity}", hash_of(0))
    ]  # fmt: skip
    assert [item.run.experiment for item in result.iter_runs()] == ["e1", "e0"]
    assert [[s.type for s in item] for item in result.iter_runs()] == [[KINDS[entity]]] * 2
    assert len(getattr(repo, CALLS[entity])(f"run.experiment == 'e0' and {entity}.last_step == 40")) == 1
    assert len(getattr(repo, CALLS[entity])(f"{entity}.name == 'other'")) == 0


@pytest.mark.parametrize("entity", KINDS)
def test_points_and_parts_of_any_kind(repo, entity):
    sequence = next(iter(getattr(repo, CALLS[entity])()))
    assert sequence.values.indices_list() == [0, 10, 20, 30, 40]
    assert (sequence.first_step(), sequence.last_step(), len(sequence)) == (0, 40, 5)
    values = sequence.values.values_list()
    assert len(values) == 5
    assert sequence.values[10:30] == values[1:3]
    assert sequence.values.values_numpy().tolist() == values
    assert sequence.data.range(10, 30).view("values").items_list() == ([10, 20], [values[1:3]])
    assert sequence.data.sample(3).indices_list() == [0, 20, 40]
    assert sequence.values.last() == (40, values[-1])
    assert sequence.epochs.values_list() == [None] * 5


@pytest.mark.parametrize("backend", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("entity", KINDS)
def test_a_data_frame_of_any_kind(repo, entity, backend):
    pytest.importorskip({"arrow": "pyarrow"}.get(backend, backend))
    frame = getattr(repo, CALLS[entity])().dataframe(backend=backend, include_params=False)
    names = frame.column_names if backend == "arrow" else list(frame.columns)
    assert names[:5] == ["idx", "step", "value", "epoch", "time"]
    assert {"run.hash", "run.experiment", "metric.name", "metric.context.subset"} <= set(names)
    assert len(frame) == 10
    last = getattr(repo, CALLS[entity])().dataframe(backend=backend, only_last=True)
    assert len(last) == 2


@pytest.mark.parametrize("entity", KINDS)
def test_what_there_is_of_any_kind(repo, entity):
    assert repo.collect_sequence_info(entity) == {entity: {f"my {entity}": [{"subset": "val"}]}}
    assert repo.collect_sequence_info((entity,)) == repo.collect_sequence_info([entity])


@pytest.mark.parametrize("entity", KINDS)
def test_progress_comes_as_tuples_if_asked_for(repo, entity):
    result = getattr(repo, CALLS[entity])("", QueryReportMode.PROGRESS_TUPLE)
    assert [(item.run.hash, progress) for item, progress in result.iter_runs()] == [
        (hash_of(1), (1, 2)), (hash_of(0), (2, 2))
    ]  # fmt: skip
    assert len(list(result)) == 2
