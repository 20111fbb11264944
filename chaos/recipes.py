"""What the load runs: short graphs that together touch every lane, timers, money and files."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bench.site import chain

Graph = dict[str, Any]
# Most calls go well; the others fail in each way the sandbox knows.
FAULTS = ("", "", "", "", "lost", "error", "moderated", "refuse")


def _node(name: str, kind: str, **params: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "params": params}


def _graph(nodes: list[dict[str, Any]], *edges: str) -> Graph:
    """``edges`` are written ``source.port>target.port``."""
    found = []
    for number, edge in enumerate(edges):
        (source, source_port), (target, target_port) = (end.split(".") for end in edge.split(">"))
        ends = {"source": source, "source_port": source_port, "target": target, "target_port": target_port}
        found.append({"id": f"e{number}", **ends})
    return {"nodes": nodes, "edges": found}


def _passes(rng: random.Random) -> Graph:
    """Soon nothing but reuse: three graphs that come again and again."""
    return chain(3, sleep_ms=rng.choice((0, 1, 30)))


def _chain(rng: random.Random) -> Graph:
    return chain(30, sleep_ms=rng.choice((0, 20, 60)), **{"$always_new": True})


def _retried(rng: random.Random) -> Graph:
    """Fails once or twice; where its retries are too few, a default or the error output follows."""
    retry = {"times": rng.choice((1, 2)), "backoff_s": 0.3, "factor": 1.5}
    policy: dict[str, Any] = {"$retry": retry, "$on_failure": rng.choice(("stop", "default", "branch"))}
    if policy["$on_failure"] == "default":
        policy["$default"] = {"value": "instead"}
    nodes = [
        _node("first", "test.pass", **{"$always_new": True}),
        _node("fails", "test.pass", fail_times=rng.choice((1, 2)), **{"$always_new": True}, **policy),
        _node("end", "test.pass"),
    ]
    port = "error" if policy["$on_failure"] == "branch" else "value"
    return _graph(nodes, "first.value>fails.value", f"fails.{port}>end.value")


def _mapped(rng: random.Random) -> Graph:
    """A list over which a step is mapped, each item failing once, gathered by the next."""
    settings: dict[str, Any] = {"fail_times": rng.choice((0, 1)), "$retry": {"times": 2, "backoff_s": 0.2}}
    values = [rng.randrange(10**6) for _ in range(rng.randrange(2, 9))]
    nodes = [
        _node("list", "test.pass", **{"$pin": {"value": values}}),
        _node("each", "test.pass", sleep_ms=20, **settings),
        _node("end", "test.pass"),
    ]
    return _graph(nodes, "list.value>each.value", "each.value>end.value")


def _wait(rng: random.Random) -> Graph:
    nodes = [_node("n", "input.number", number=1), _node("wait", "flow.wait", seconds=round(rng.uniform(1, 5), 1))]
    return _graph([*nodes, _node("end", "test.pass")], "n.number>wait.value", "wait.value>end.value")


def _call(rng: random.Random, **params: Any) -> dict[str, Any]:
    return {
        "seed": rng.randrange(10**6),
        "latency_s": rng.choice((0, 0, 1, 2.5)),
        "fail": rng.choice(FAULTS),
        **params,
    }


def _image(rng: random.Random) -> Graph:
    nodes = [
        _node("words", "input.text", text=rng.choice(("sea", "hills", "a mill in the rain"))),
        _node("image", "image.generate", **_call(rng, model="sandbox/image", width=256, height=256)),
        _node("small", "image.resize", width=rng.choice((64, 96, 128)), height=64),
    ]
    return _graph(nodes, "words.text>image.prompt", "image.image>small.image")


def _again(rng: random.Random) -> Graph:
    """One of three pictures: after the first time neither the vendor nor a worker has anything to do."""
    nodes = [
        _node("words", "input.text", text="a mill"),
        _node("image", "image.generate", model="sandbox/image", width=256, height=256, seed=rng.randrange(3)),
        _node("small", "image.resize", width=64, height=64),
    ]
    return _graph(nodes, "words.text>image.prompt", "image.image>small.image")


def _two_images(rng: random.Random) -> Graph:
    first, second = _image(rng), _call(rng, model="sandbox/image", width=256, height=256)
    edge = {"id": "more", "source": "words", "source_port": "text", "target": "other", "target_port": "prompt"}
    nodes = [*first["nodes"], _node("other", "image.generate", **second)]
    return {"nodes": nodes, "edges": [*first["edges"], edge]}


def _film(rng: random.Random) -> Graph:
    own = _call(rng, model="sandbox/video", width=512, height=288, seconds=1)
    nodes = [_node("words", "input.text", text="sea"), _node("film", "video.generate", **own)]
    return _graph(nodes, "words.text>film.prompt")


RECIPES: dict[str, tuple[int, Callable[[random.Random], Graph]]] = {
    "passes": (4, _passes),
    "chain": (4, _chain),
    "retried": (3, _retried),
    "mapped": (3, _mapped),
    "wait": (4, _wait),
    "image": (4, _image),
    "again": (2, _again),
    "two_images": (2, _two_images),
    "film": (1, _film),
}


def recipe_draw(rng: random.Random) -> tuple[str, Graph]:
    """The name of a recipe and a graph made by it."""
    name = rng.choices(list(RECIPES), [weight for weight, _make in RECIPES.values()])[0]
    return name, RECIPES[name][1](rng)
