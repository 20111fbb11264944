"""What a process must not load: libraries of tens of megabytes that only the ``work`` lane, or nobody, uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.lean import UNUSED

DECODERS = ["numpy", "av", "PIL"]
PAGES = ["config.urls", "ninja", "pydantic", "unfold.admin", "daphne", "boto3"]
TASKS = "import config.celery as c; c.app.finalize(); c.app.loader.init_worker(); assert 'apps.runs.tasks' in m"


@pytest.mark.parametrize(
    ("process", "imports", "heavy"),
    [
        ("web", "import config.asgi, config.urls; assert 'ninja' in m", [*DECODERS, "boto3"]),
        ("beat and workers", TASKS, [*DECODERS, *PAGES]),
    ],
)
def test_no_process_loads_what_it_does_not_use(process: str, imports: str, heavy: list[str]) -> None:
    code = f"""
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
m = sys.modules
{imports}
print(json.dumps([name for name in {heavy!r} if name in m]))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == [], f"{process}: python -X importtime tells who imports it"


def test_a_lean_process_is_a_whole_one(tmp_path: Path) -> None:
    """Each name is a library that can be imported here, and nothing of ours needs it."""
    (tmp_path / "told.py").write_text(
        "import json, os, sys\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n"
        "import daphne.cli, celery.bin.worker, config.asgi, config.urls, boto3, stripe\n"
        "from apps.common.object_requests import bucket_check; bucket_check()\n"
        "print(json.dumps([__name__, sys.argv[1:], [name for name, module in sys.modules.items() if module]]))"
    )
    assert all(find_spec(name) for name in UNUSED)
    command = [sys.executable, "-m", "deploy.lean", "told", "--flag"]
    answer = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    name, arguments, loaded = json.loads(answer.stdout.splitlines()[-1])
    assert (name, arguments) == ("__main__", ["--flag"])
    assert not set(UNUSED) & set(loaded)
    assert "dependency" not in answer.stderr


def test_the_admin_pages_pass_their_checks() -> None:
    """`manage.py check` may look at them before the URLs, which register them, are loaded."""
    from django.apps import apps
    from django.contrib import admin

    import config.urls  # noqa: F401 (it looks for the pages)

    assert admin.site._registry
    assert admin.site.check(list(apps.get_app_configs())) == []
