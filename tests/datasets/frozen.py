"""What the worker does with a version, in the test's own transaction."""

from __future__ import annotations

from unittest.mock import patch

from apps.common.tenancy import scope
from apps.datasets.execution import freezing
from apps.datasets.models import Version


def frozen(version: Version) -> Version:
    """The version after a worker froze it. No thread tells how far it is: it could not see this transaction."""
    with patch.object(freezing, "TELL_S", 3600.0):
        freezing.version_fix(workspace_id=version.workspace_id, version_id=version.id)
    with scope(version.workspace_id):
        version.refresh_from_db()
    return version
