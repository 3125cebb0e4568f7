# noqa: INP001  a script of the image, not a package
"""Asked by the container engine: does the service answer a request of S3? Exit 0, or 1 with the reason."""

import os
import sys
from urllib.request import urlopen

try:
    # Anybody may ask for their buckets; a stranger has none.
    with urlopen(f"http://127.0.0.1:{os.environ.get('S3_PORT', '7480')}/", timeout=5) as answer:
        if b"ListAllMyBucketsResult" not in answer.read():
            sys.exit("it answers, but not as S3 does")
except OSError as error:
    sys.exit(f"it does not answer: {error}")
