"""Become another program, tied to the supervisor's life and, for PostgreSQL under root, as an unprivileged user.

Usage: ``launch.py PARENT DEATH_SIGNAL UID GID COMMAND...`` (UID ``-`` keeps the user). It runs in a process of its own
because changing users between fork and exec is not safe in a program that has threads. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8


def main(arguments: list[str]) -> None:
    parent, signal_number, uid, gid, *command = arguments
    if uid != "-":
        _drop_root(int(uid), int(gid), command[0])
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)  # The supervisor died before we were tied to it.
    os.execv(command[0], command)  # noqa: S606


def _drop_root(uid: int, gid: int, program: str) -> None:
    """Become `uid`; keep one right, to pass closed folders, only where the program lies below one (such as /root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.access(program, os.X_OK) and os.access(os.getcwd(), os.X_OK):
        return
    # Read-and-search is the smaller right; containers often withhold it and leave the larger one.
    if not any(_keep_capability(libc, capability) for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)):
        print(
            f"PostgreSQL does not run as root, and user {uid} may not pass the folders above {program}. Run the stack "
            "as an ordinary user, or move the checkout to a folder that all may pass, such as /srv.",
            file=sys.stderr,
        )
        sys.exit(126)


def _keep_capability(libc: ctypes.CDLL, capability: int) -> bool:
    """Make `capability` survive exec as the only one. Returns whether the kernel agreed."""
    return (
        _set_capabilities(libc, 1 << capability | 1 << CAP_SETPCAP)
        # Without this bit access(2), with which PostgreSQL looks for its own files, ignores capabilities.
        and libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
        and _set_capabilities(libc, 1 << capability)
        and libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0
    )


def _set_capabilities(libc: ctypes.CDLL, bits: int) -> bool:
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    data = struct.pack("IIIIII", bits, bits, bits, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    return bool(libc.capset(header, data) == 0)


if __name__ == "__main__":
    main(sys.argv[1:])
