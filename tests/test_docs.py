"""The documentation tells the truth: links lead somewhere, and what it lists is what there is."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.engine.node_types import NodeType
from tests.nodes.context import FolderContext

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)[^>]+(?:src|href)=\"([^\"]+)\"")
# "PORT" in `number("PORT", 8000)`, in settings and in what they are read with.
VARIABLE = re.compile(r"(?:text|number|flag|words|environ\.get)\(\s*\"([A-Z][A-Z0-9_]+)\"")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _links(page: Path) -> Iterator[str]:
    for found in LINK.finditer(CODE.sub("", page.read_text())):
        yield found[1] or found[2]


def _anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub(lambda code: code[0].strip("`"), page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in _anchors(target), f"{link}: there is no such heading"


def test_every_page_is_reachable_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        linked = ((page.parent / link.partition("#")[0]).resolve() for link in _links(page) if ":" not in link)
        waiting += [target for target in linked if target.suffix == ".md" and target.exists()]
    assert {_name(page) for page in PAGES} - {_name(page) for page in seen} == set()


def test_pictures_are_small_and_shown() -> None:
    pages = [ROOT / "README.md", *PAGES]
    shown = {(page.parent / link).resolve() for page in pages for link in _links(page) if link.endswith(".png")}
    for picture in (ROOT / "docs" / "images").glob("*.png"):
        assert picture in shown, f"{picture.name} is shown nowhere"
        assert picture.stat().st_size <= 250_000, f"{picture.name} is larger than 250 kB"


def _variables_documented(page: str) -> set[str]:
    """The variables in the first column of the page's tables."""
    cells = re.findall(r"^\| (`[A-Z][^|]*) \|", (ROOT / page).read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)}


def test_every_variable_is_documented() -> None:
    sources = [ROOT / "config" / "settings.py", ROOT / "config" / "environment.py"]
    read = {name for source in sources for name in VARIABLE.findall(source.read_text())}
    assert read >= {"PORT", "DATABASE_URL", "MILLRACE_VAR", "EMAIL_USE_TLS", "ALLOWED_HOSTS"}, (
        "the pattern finds too few"
    )
    documented = _variables_documented("README.md")
    assert read - documented == set(), "read, and not in the README's table"
    assert documented - read == set(), "in the README's table, and never read"


def test_documented_variables_of_tools_exist() -> None:
    files = [ROOT / "Makefile", ROOT / "deploy" / "compose.yaml"]
    files += [path for folder in ("tests", "bench", "chaos") for path in (ROOT / folder).glob("*.py")]
    code = "\n".join(path.read_text() for path in files if path != Path(__file__))
    assert {name for name in _variables_documented("docs/operations.md") if name not in code} == set()


def test_every_endpoint_is_documented() -> None:
    from config.api import api

    text = (ROOT / "docs" / "api.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")] + re.findall(r"`(?:GET|POST)[^`]*`", text)
    for path, operations in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items():
        said = [row for row in rows if re.search(rf"{re.escape(path)}(?![/\w{{])", row)]
        assert said, f"{path} is not in docs/api.md"
        for method in operations:
            assert any(method.upper() in row for row in said), f"{method.upper()} {path} is not in docs/api.md"


def test_no_endpoint_is_documented_that_is_gone() -> None:
    from config.api import api

    paths = set(api.get_openapi_schema(path_prefix="/api/v1/")["paths"]) | {"/api/v1/openapi.json", "/api/v1/docs"}
    named = set(re.findall(r"(/api/v1/[a-z][\w{}./-]*)", (ROOT / "docs" / "api.md").read_text()))
    assert named - paths == set()


def test_every_make_target_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert found
    # These two are the halves of `make check`.
    targets = set(found[1].split()) - {"check-python", "check-frontend"}
    documented = set(re.findall(r"`make ([a-z-]+)", "".join(page.read_text() for page in PAGES)))
    assert targets - documented == set(), "a target nobody tells of"
    assert documented - targets == set(), "a target that is gone"


def test_every_problem_type_is_documented() -> None:
    sources = [path for path in (ROOT / "apps").rglob("*.py") if "migrations" not in path.parts]
    raised = {
        name
        for path in sources
        for name in re.findall(r"\b(?:Problem|_later)\(\s*\"([a-z][a-z-]+)\"", path.read_text())
    }
    text = (ROOT / "docs" / "api.md").read_text()
    assert len(raised) > 20
    assert {name for name in raised if f"`{name}`" not in text} == set()


def test_every_runtime_dependency_has_its_reason() -> None:
    declared = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("\n]")[0]
    names = re.findall(r"^\s+\"([A-Za-z0-9-]+)", declared, re.MULTILINE)
    page = (ROOT / "docs" / "decisions" / "0016-dependencies.md").read_text()
    table = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("|"))
    assert [name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", table)] == []


def test_decisions_have_their_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages), "a number is used twice"
    for page in pages:
        for part in ("## Context", "## Decision", "## Rejected"):
            assert part in page.read_text(), f"{page.name} has no {part[3:]}"


def test_celery_settings_have_their_reasons() -> None:
    code = (ROOT / "config" / "celery.py").read_text().partition("app.conf.update(")[2].partition("\n)")[0]
    names = set(re.findall(r"^    (\w+)=", code, re.MULTILINE)) | set(
        re.findall(r"^        \"(\w+)\":", code, re.MULTILINE)
    )
    page = (ROOT / "docs" / "decisions" / "0004-celery-settings.md").read_text()
    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in page} == set()


@pytest.fixture
def example() -> list[str]:
    """The Python blocks of docs/adding-a-node.md: the module and its test."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "adding-a-node.md").read_text(), re.DOTALL)


def test_example_node_works(example: list[str], tmp_path: Path) -> None:
    module, test = (types.ModuleType(name) for name in ("split", "test_split"))
    exec(example[0], module.__dict__)
    exec(example[1], test.__dict__)
    node: NodeType = module.NODE

    def run_node(name: str, inputs: dict[str, Any], **params: Any) -> Any:
        assert name == node.type
        assert node.params_problems(params) == []
        return node.run(FolderContext(tmp_path), inputs, node.with_defaults(params))

    tests: list[Callable[..., None]] = [value for name, value in vars(test).items() if name.startswith("test_")]
    assert len(tests) >= 3
    for one in tests:
        one(run_node)


def test_pages_speak_of_the_project_alone() -> None:
    for page in PAGES:
        for place in re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\S*", page.read_text()):
            pytest.fail(f"{_name(page)} names a place on somebody's machine: {place}")
