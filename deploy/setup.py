"""Install what is missing, and only that: uv, the Python packages, the island's packages, its build, the translations.

Usage: ``python3 deploy/setup.py [--dev]``. Each step is remembered by a hash of what it was made from (in ``.venv`` and
``node_modules``), so that running it again costs milliseconds and needs no network. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MODULES = ROOT / "node_modules"
BUILT = ROOT / "static" / "dist"


class SetupError(Exception):
    """A step cannot be done."""  # The message says why and what to do.


def main() -> int:
    os.chdir(ROOT)
    try:
        _check_python()
        _python_packages("dev" if "--dev" in sys.argv else "base")
        if (ROOT / "package.json").exists():
            _check_node()
            _node_packages()
            _frontend()
        _translations()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _check_python() -> None:
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Python 3.11 or newer is needed; {sys.executable} is {found}. Name another: make up PYTHON=python3.12"
        )


def _check_node() -> None:
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    major = re.match(r"v(\d+)", version)
    if not major or int(major[1]) < 20:
        found = f"found {version.strip()}" if version else "none was found"
        raise SetupError(
            f"Node 20 or newer is needed to build the pages ({found}). Install it from your system's packages."
        )


def _python_packages(kind: str) -> None:
    """Make .venv hold exactly what requirements/<kind>.txt pins. `dev` contains all of `base`."""
    wanted = {name: _digest([ROOT / "requirements" / f"{name}.txt"]) for name in ("base", "dev")}
    stamp = VENV / ".millrace-stamp"
    present = stamp.read_text() if stamp.exists() and PYTHON.exists() else ""
    if present == wanted["dev"] or (kind == "base" and present == wanted["base"]):
        return
    if (VENV / "bin" / "pytest").exists():
        kind = "dev"  # `make up` takes nothing away from a developer
    uv = _uv()
    if not PYTHON.exists():
        _run("Making .venv", [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)])
    stamp.unlink(missing_ok=True)
    # Compiled once here: else each process of the first start does it for itself, and keeps 15 MiB that it took.
    sync = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(PYTHON)]
    _run(f"Installing the Python packages of requirements/{kind}.txt", [*sync, f"requirements/{kind}.txt"])
    stamp.write_text(wanted[kind])


def _uv() -> str:
    """The uv of this machine, else one in var/bootstrap."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        return found
    folder = ROOT / "var" / "bootstrap"
    uv = folder / "bin" / "uv"
    if not uv.exists():
        try:
            _run("Making a place for uv", [sys.executable, "-m", "venv", "--clear", str(folder)])
        except SetupError as error:
            raise SetupError(
                "Python's venv module does not work here. Install it (Debian: apt install python3-venv), or install uv."
            ) from error
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        _run("Installing uv", [*pip, "-r", "requirements/bootstrap.txt"])
    return str(uv)


def _node_packages() -> None:
    stamp = MODULES / ".millrace-stamp"
    wanted = _digest([ROOT / "package-lock.json", ROOT / "package.json"])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run("Installing the packages of package-lock.json", ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"])
    stamp.write_text(wanted)


def _frontend() -> None:
    """Build the pages' styles and scripts when one of their sources, or a template that names classes, changed."""
    sources = [
        *ROOT.glob("static/src/**/*"),
        *ROOT.glob("templates/**/*.html"),
        *ROOT.glob("apps/**/templates/**/*.html"),
    ]
    sources += [*ROOT.glob("*.config.*"), ROOT / "package.json", ROOT / "package-lock.json", ROOT / "tsconfig.json"]
    wanted = _digest(path for path in sorted(sources) if path.is_file())
    stamp = BUILT / ".millrace-stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run("Building the pages", ["npm", "run", "--silent", "build"])
    BUILT.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)


def _translations() -> None:
    """Compile the messages whose source is newer, with polib: msgfmt is not on every machine."""
    sources = [path for path in sorted(ROOT.glob("locale/*/LC_MESSAGES/*.po")) if _is_stale(path)]
    if sources:
        code = "import sys, polib\nfor po in sys.argv[1:]: polib.pofile(po).save_as_mofile(po[:-3] + '.mo')"
        _run("Compiling the translations", [str(PYTHON), "-c", code, *map(str, sources)])


def _is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _run(what: str, command: Sequence[str]) -> None:
    """Run a step; what it says is of interest only when it fails."""
    print(f"{what} …", file=sys.stderr, flush=True)
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} was not found. Install it and try again.") from error
    if result.returncode:
        shown = " ".join(str(part) for part in command)
        raise SetupError(f"{result.stdout}\n{what} failed; the reason is above. The command was: {shown}")


if __name__ == "__main__":
    sys.exit(main())
