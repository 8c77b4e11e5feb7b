"""What a page of ours unpacks when a row is opened."""

import base64
import gzip
import json
import re
from typing import Any

__all__ = ["contents_of"]


def contents_of(content: bytes) -> Any:
    found = re.search(rb'id="contents">([^<]*)</script>', content)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found.group(1))))
