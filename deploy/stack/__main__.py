"""The stack's commands: up, down, status, run, demo. The Makefile calls them."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
import time

from deploy.stack.application import management_environment
from deploy.stack.layout import Layout, Settings, StackError
from deploy.stack.processes import is_same_process
from deploy.stack.supervisor import Options, Supervisor, is_running, read_state, stop_leftovers

DEMO_EMAIL = "demo@millrace.local"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.stack", description="Run Millrace on this machine.")
    parser.add_argument("command", choices=("up", "down", "status", "run", "demo"))
    parser.add_argument("--services-only", action="store_true", help="only the data services")
    parser.add_argument("--fast", action="store_true", help="no durability: for tests")
    parser.add_argument("--no-migrate", action="store_true", help="leave the schema alone")
    arguments = parser.parse_args()
    options = Options(arguments.services_only, not arguments.fast, not arguments.no_migrate)
    try:
        layout = Layout.from_environment()
        match arguments.command:
            case "up":
                return up(layout, options)
            case "down":
                return down(layout)
            case "status":
                return status(layout)
            case "demo":
                return demo(layout, options)
            case _:
                return run(layout, options)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename or 'the disk'}. Nothing was deleted.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def up(layout: Layout, options: Options) -> int:
    """Start the stack in the background and return when it is healthy; if it runs, say where."""
    layout.make_folders()
    if is_running(layout):
        _await_start(layout, None)
        print(f"It runs already, at {read_state(layout).get('web') or 'no web address'}.")
    else:
        started = time.monotonic()
        _await_start(layout, _start_in_background(layout, options))
        print(f"Healthy after {time.monotonic() - started:.1f} s.")
    _print_addresses(layout)
    return 0


def _start_in_background(layout: Layout, options: Options) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deploy.stack", "run"]
    command += ["--services-only"] * options.services_only + ["--fast"] * (not options.durable)
    command += ["--no-migrate"] * (not options.migrate)
    with open(layout.log / "stack.log", "wb") as log:
        return subprocess.Popen(
            command, cwd=layout.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **management_environment(layout)},
        )  # fmt: skip


def _await_start(layout: Layout, daemon: subprocess.Popen[bytes] | None) -> None:
    """Wait until the supervisor says that it is healthy. Raises StackError with its own words when it gives up."""
    while True:
        state = read_state(layout)
        ours = daemon is None or state.get("pid") == daemon.pid
        if ours and state.get("state") == "healthy":
            _repeat_words(layout, daemon)
            return
        if daemon is not None and daemon.poll() is not None:
            raise StackError((layout.log / "stack.log").read_text().strip() or "The stack ended without a word.")
        if daemon is None and not is_running(layout):
            raise StackError(state.get("message") or "The stack stopped meanwhile. Start it again: make up")
        time.sleep(0.03)


def _repeat_words(layout: Layout, daemon: subprocess.Popen[bytes] | None) -> None:
    if daemon is not None and (words := (layout.log / "stack.log").read_text().strip()):
        print(words)


def _print_addresses(layout: Layout) -> None:
    if web := read_state(layout).get("web"):
        settings = Settings.load(layout)
        print(f"\n  Millrace   {web}")
        if "DATABASE_URL" in settings.addresses():
            print(f"  sign in    {DEMO_EMAIL}\n  password   {settings.passwords['demo']}")
        print(f"  mail       {layout.shown(layout.var / 'mail')}\n  logs       {layout.shown(layout.log)}\n")


def down(layout: Layout) -> int:
    """Stop the stack, keeping its data."""
    state = read_state(layout)
    if not is_running(layout):
        if layout.run.exists():
            stop_leftovers(layout, print)
        print("The stack does not run.")
        return 0
    if is_same_process(state["pid"], state["started"]):
        os.kill(state["pid"], 15)
    deadline = time.monotonic() + 90
    while is_running(layout):
        if time.monotonic() > deadline:
            raise StackError(
                f"It does not stop. What it waits for: make status; end it by force: kill -9 {state['pid']}"
            )
        time.sleep(0.03)
    print(f"Stopped. The data stays in {layout.shown(layout.var)}.")
    return 0


def status(layout: Layout) -> int:
    """Say what runs. Exit code 0: all is well; 1: a part is in trouble; 3 (as init scripts do): it does not run."""
    state = read_state(layout)
    if not is_running(layout):
        print("The stack does not run. Start it: make up")
        if state.get("state") == "failed":
            print(f"The last start failed: {state['message']}")
        return 3
    print(f"{state['state']}  {state['web']}")
    if warning := layout.space_warning():
        print(warning)
    for name, part in state["parts"].items():
        restarts = f"  restarted {part['restarts']} times" if part["restarts"] else ""
        print(f"  {name:<10}{part['state']:<10}process {part['pid']}{restarts}")
    return 0 if all(part["state"] == "running" for part in state["parts"].values()) else 1


def run(layout: Layout, options: Options) -> int:
    """Run the stack in this process until it is told to stop."""
    asyncio.run(Supervisor(layout, options, _say).run())
    return 0


def demo(layout: Layout, options: Options) -> int:
    """Run the stack here, run the demo workflow to its end, and serve until Ctrl-C."""
    if is_running(layout):
        _await_start(layout, None)
        return _run_demo(layout)
    codes: list[int] = []

    def begin() -> None:
        _print_addresses(layout)
        threading.Thread(target=lambda: codes.append(_run_demo(layout)), daemon=True).start()

    asyncio.run(Supervisor(layout, options, _say).run(begin))
    print("Stopped. The data stays; make demo or make up continue with it.")
    return max(codes, default=0)


def _run_demo(layout: Layout) -> int:
    environment = {**os.environ, **management_environment(layout)}
    code = subprocess.run(
        [sys.executable, "manage.py", "demo"], cwd=layout.root, env=environment, check=False
    ).returncode
    if code == 0:
        _say(f"\nServing on {layout.web_address}. Ctrl-C stops it.")
    elif code > 0:
        _say(
            f"\nThe demo did not end well; why stands above and in {layout.shown(layout.log)}. Ctrl-C stops the stack."
        )
    return code


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
