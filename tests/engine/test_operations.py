"""The Python reducer against the vectors it shares with the TypeScript one, and its laws by property."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.operations import Fold, OperationError, diff, empty_document, fold

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "operations.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(vector: dict[str, Any]) -> None:
    before = copy.deepcopy(vector["document"])
    folding = Fold(vector["document"])
    effects = []
    refused = None
    for index, op in enumerate(vector["ops"]):
        try:
            effects.append(folding.apply(op))
        except OperationError:
            refused = index
            break
    assert refused == (vector["refused"]["index"] if vector.get("refused") else None)
    if refused is None:
        assert effects == vector["effects"]
        assert folding.document() == vector["expected"]
    assert vector["document"] == before, "the given document stays as it was"


ids = st.sampled_from(["a", "b", "c", "d"])
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text("añ 0", max_size=3), st.lists(st.integers(0, 2), max_size=2)
)
operations = st.one_of(
    st.builds(
        lambda i, t: {"op": "add_node", "node": {"id": i, "type": t}}, ids, st.sampled_from(["test.pass", "x.y"])
    ),
    st.builds(lambda i: {"op": "remove_node", "id": i}, ids),
    st.builds(lambda i, n, v: {"op": "set", "id": i, "path": ["params", n], "value": v}, ids, ids, values),
    st.builds(lambda i, n: {"op": "set", "id": i, "path": ["params", n]}, ids, ids),
    st.builds(lambda i, v: {"op": "set", "id": i, "path": ["title"], "value": v}, ids, st.text("añ 0", max_size=5)),
    st.builds(
        lambda e, s, t: {
            "op": "add_edge",
            "edge": {"id": e, "source": s, "source_port": "value", "target": t, "target_port": "value"},
        },
        ids,
        ids,
        ids,
    ),
    st.builds(lambda i: {"op": "remove_edge", "id": i}, ids),
    st.builds(lambda n, v: {"op": "set_variable", "name": n, "value": v}, ids, values),
    st.builds(lambda n: {"op": "set_variable", "name": n}, ids),
)


@given(st.lists(operations, max_size=30))
def test_documents_stay_whole(ops: list[dict[str, Any]]) -> None:
    document = fold(empty_document(), ops)
    nodes = [node["id"] for node in document["nodes"]]
    assert len(set(nodes)) == len(nodes)
    assert all(edge["source"] in nodes and edge["target"] in nodes for edge in document["edges"])
    ends = [(e["source"], e["source_port"], e["target"], e["target_port"]) for e in document["edges"]]
    assert len(set(ends)) == len(ends)


@given(st.lists(operations, max_size=30), st.integers(0, 30))
def test_folding_in_two_parts_is_folding(ops: list[dict[str, Any]], cut: int) -> None:
    assert fold(fold(empty_document(), ops[:cut]), ops[cut:]) == fold(empty_document(), ops)


@given(st.lists(operations, max_size=20), st.lists(operations, max_size=20))
def test_diff_leads_from_one_to_the_other(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    def by_id(document: dict[str, Any]) -> Any:
        rows = {key: sorted(document[key], key=lambda row: row["id"]) for key in ("nodes", "edges")}
        return rows, document["variables"]

    old, new = fold(empty_document(), first), fold(empty_document(), second)
    assert by_id(fold(old, diff(old, new))) == by_id(new)
