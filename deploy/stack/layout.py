"""Where the stack keeps things: folders, ports, passwords, and the file the application reads its addresses from."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
# Below the range from which kernels hand out ports for outgoing connections; SeaweedFS also uses each port + 10000.
PORT_RANGE = (10_000, 22_000)
PORT_NAMES = ("postgres", "valkey", "s3", "s3_filer", "s3_master", "s3_volume")
REQUIRED_FREE_BYTES = 300 * 1024 * 1024
S3_NAMES = ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")


class StackError(Exception):
    """The stack cannot go on."""  # The message is a sentence that says why and what to do.


@dataclass(frozen=True)
class Layout:
    """The folders of one stack, and the web port it serves on."""

    var: Path
    web_port: int
    root: Path = CHECKOUT

    @classmethod
    def from_environment(cls) -> Layout:
        """The stack of this checkout, or of the folder in MILLRACE_VAR. Raises StackError for a PORT that is none."""
        text = os.environ.get("PORT") or "8000"
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise StackError(
                f"PORT is {text!r}, which is not a port. Use a number from 1024 to 65535: make up PORT=8001"
            )
        return cls(var=Path(os.environ.get("MILLRACE_VAR") or CHECKOUT / "var").resolve(), web_port=int(text))

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def settings_file(self) -> Path:
        return self.var / "stack.json"

    @property
    def web_address(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def shown(self, path: Path) -> str:
        """The path as a person in the checkout would type it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def make_folders(self) -> None:
        """Create var/ and its folders. Raises StackError when the disk or the rights do not allow it."""
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            self.check_space()
            for folder in (self.log, self.run):
                folder.mkdir(exist_ok=True)
            probe = self.run / ".write-probe"
            probe.write_text("x")
            probe.unlink()
        except OSError as error:
            raise StackError(
                f"The folder {self.shown(self.var)} cannot be written ({error.strerror}). "
                "Give this user write access to it, or name another folder: MILLRACE_VAR=/path make up"
            ) from error

    def check_space(self) -> None:
        """Refuse to start on a nearly full disk: PostgreSQL would stop in the middle of its work."""
        if warning := self.space_warning():
            raise StackError(f"{warning} Then start again; nothing was changed.")

    def space_warning(self) -> str:
        """A sentence if the disk is nearly full, else nothing."""
        free = shutil.disk_usage(self.var).free
        if free >= REQUIRED_FREE_BYTES:
            return ""
        return (
            f"The disk that holds {self.shown(self.var)} has only {free // 2**20} MB left. "
            f"Make room there, until {REQUIRED_FREE_BYTES // 2**20} MB are free."
        )


@dataclass
class Settings:
    """Ports and passwords of the embedded parts. They are made once and kept, so that addresses stay the same."""

    layout: Layout
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    fresh_passwords: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, layout: Layout) -> Settings:
        """Read what was kept. A file that cannot be read is moved aside: all it holds can be made anew."""
        try:
            kept: dict[str, Any] = json.loads(layout.settings_file.read_text())["embedded"]
            return cls(layout, dict(kept["ports"]), dict(kept["passwords"]))
        except FileNotFoundError:
            return cls(layout)
        except (ValueError, KeyError, TypeError):
            layout.settings_file.rename(layout.settings_file.with_suffix(".unreadable"))
            return cls(layout)

    def complete(self) -> None:
        """Fill in missing passwords, replace ports that a stranger has taken meanwhile, and save."""
        for name in ("postgres_admin", "postgres", "valkey", "s3", "secret_key", "demo"):
            if name not in self.passwords:
                self.passwords[name] = secrets.token_urlsafe(9 if name == "demo" else 32)
                self.fresh_passwords.add(name)
        for name in PORT_NAMES:
            if name not in self.ports or not _is_free_for(name, self.ports[name]):
                self.ports[name] = self._free_port(name)
        self.save()

    def _free_port(self, name: str) -> int:
        used = {port for kept in self.ports.values() for port in (kept, kept + 10_000)}
        for _ in range(500):
            port = random.randrange(*PORT_RANGE)
            if port not in used and port + 10_000 not in used and _is_free_for(name, port):
                return port
        raise StackError("No free port was found between 10000 and 22000. Stop some of the programs that listen there.")

    def addresses(self) -> dict[str, str]:
        """The settings the application reads, by the names of their environment variables, for the embedded parts."""
        values = {
            "DATABASE_URL": f"postgres://millrace:{self.passwords['postgres']}@127.0.0.1:{self.ports['postgres']}/millrace",
            "REDIS_URL": f"redis://:{self.passwords['valkey']}@127.0.0.1:{self.ports['valkey']}/0",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3']}",
            "S3_ACCESS_KEY": "millrace",
            "S3_SECRET_KEY": self.passwords["s3"],
            "S3_BUCKET": "millrace",
            "SECRET_KEY": self.passwords["secret_key"],
        }
        replaced = {name for name in values if os.environ.get(name)}
        if replaced & set(S3_NAMES):
            replaced |= set(S3_NAMES)
        return {name: value for name, value in values.items() if name not in replaced}

    def save(self) -> None:
        """Write var/stack.json in one step, readable by its owner only."""
        document = {**self.addresses(), "embedded": {"ports": self.ports, "passwords": self.passwords}}
        write_private(self.layout.settings_file, json.dumps(document, indent=2))


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, mode 0600. Readers see the old text or the new one, never half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(text)
    part.replace(path)


def _is_free_for(name: str, port: int) -> bool:
    return port_is_free(port) and (not name.startswith("s3") or port_is_free(port + 10_000))


def port_is_free(port: int) -> bool:
    """Whether this machine's loopback address still has that port to give."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
