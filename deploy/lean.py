"""Run a module as ``python -m`` does, without what libraries load only because it happens to be installed.

Usage: ``python -m deploy.lean MODULE ARGUMENTS...``. Each name below is a choice of the library that imports it: it
tries, and works without (docs/decisions/0104-memory.md has what each takes).
"""

from __future__ import annotations

import runpy
import sys
import warnings

UNUSED = (
    "cbor2",  # autobahn, for WAMP, which is not spoken here
    "OpenSSL",  # Twisted could end TLS itself, which is the proxy's business; botocore takes Python's own ssl instead
    "charset_normalizer",  # requests guesses at text without a charset; JSON, all that is asked for here, is UTF-8
    # Here only where the development packages are.
    "greenlet",  # Celery, for its pool of them
    "rich",  # structlog, to draw tracebacks on a terminal
    "yaml",  # Kombu, as a format of messages
)


def main() -> None:
    """Run the module that ``sys.argv`` names, with the arguments after it."""
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # the documented way to have an import fail
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
