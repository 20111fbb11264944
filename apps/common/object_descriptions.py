"""What botocore knows of services, in less memory: plain dictionaries, S3 only, and no documentation.

botocore reads them as OrderedDict with every sentence of the manual, 11 MB for the two files that S3 needs.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session


class _Lean(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """The description at ``file_path`` plus ``.json`` or ``.json.gz``; None when there is none."""
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            if os.path.isfile(file_path + ending):
                with opened(file_path + ending, "rb") as file:
                    found = json.loads(file.read(), object_hook=_without_documentation)
                    return _only_s3(found) if os.path.basename(file_path) == "endpoints" else found
        return None


def _only_s3(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        partition["services"] = {name: told for name, told in partition["services"].items() if name == "s3"}
    return endpoints


def _without_documentation(found: dict[str, Any]) -> dict[str, Any]:
    if isinstance(found.get("documentation"), str):  # else it is a member of that name
        found["documentation"] = ""  # some readers insist on the key
    return found


def session() -> Session:
    """A botocore session that reads the descriptions this way."""
    made = Session()
    made.register_component("data_loader", Loader(file_loader=_Lean()))
    return made
