"""Downloads over HTTP that go on where they were cut."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unrolled.data.dataset import File
from unrolled.data.errors import DataError
from unrolled.data.integrity import verify

# Called with a file's name, the bytes it has so far, and how many it will have, if the server says so.
Progress = Callable[[str, int, int | None], None]

ATTEMPTS = 5
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 30.0
_block = 2**16


class Download:
    """A downloader, as pooch calls them, for one file.

    What has arrived is kept beside the file under the name `<name>.part`, and the next attempt or the next call asks
    for the rest of it alone. The content is verified before the file takes its place.

    Args:
        file: what is expected.
        part: where to keep what has arrived.
        progress: told after every block.
    """

    def __init__(self, file: File, part: Path, progress: Progress | None = None) -> None:
        self.file = file
        self.part = part
        self.progress = progress or (lambda name, done, total: None)
        # A file of this content is no larger: gzip adds five bytes to what it cannot compress every 16 KiB, and a head.
        self.limit = file.size + file.size // 1000 + 2**10 if file.name.endswith(".gz") else file.size

    def __call__(self, url: str, output: str, pooch: Any = None) -> None:
        """Downloads `url` to the path `output`.

        Raises:
            DataError: the server does not serve the file, the connection was cut again and again (what has arrived is
                kept), or the content is not what was expected (nothing is kept).
        """
        resumed = self.part.exists()
        self._fetch(url)
        try:
            verify(self.part, self.file)
        except DataError:
            self.part.unlink(missing_ok=True)
            if not resumed:
                raise
            # What was kept may have been of another version of the file: once more, from its beginning.
            self(url, output, pooch)
        else:
            self.part.replace(output)

    def _fetch(self, url: str) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._fetch_rest(url):
                    return
                problem = "the connection was cut"
            except urllib.error.HTTPError as error:
                error.close()
                problem = f"the server answers {error.code} {error.reason}"
                if error.code < http.client.INTERNAL_SERVER_ERROR:
                    raise DataError(f"{url}: {problem}") from error
            except urllib.error.URLError as error:
                raise DataError(f"{url}: cannot be reached: {error.reason}") from error
            except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
                problem = str(error) or type(error).__name__
            if attempt < ATTEMPTS:
                time.sleep(PAUSE_SECONDS * attempt)
        kept = f"; {self.part.stat().st_size} bytes are kept, call again to go on" if self.part.exists() else ""
        raise DataError(f"{url}: {problem}, {ATTEMPTS} times{kept}")

    def _fetch_rest(self, url: str) -> bool:
        """Asks for what is missing, once; whether all of it came."""
        done = self.part.stat().st_size if self.part.exists() else 0
        headers = {"User-Agent": "unrolled"} | ({"Range": f"bytes={done}-"} if done else {})
        try:
            response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            # There is nothing after what is kept: either it is whole, or of another version; verifying tells.
            error.close()
            return True
        with response:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                done = 0
            length = response.headers.get("Content-Length")
            total = done + int(length) if length and length.isdecimal() else None
            self._save(response, url, done, total)
        return total is None or self.part.stat().st_size == total

    def _save(self, response: Any, url: str, done: int, total: int | None) -> None:
        with self.part.open("ab" if done else "wb") as part:
            while done <= self.limit and (total or 0) <= self.limit:
                block = response.read(_block)
                if not block:
                    part.flush()
                    os.fsync(part.fileno())
                    return
                part.write(block)
                done += len(block)
                self.progress(self.file.name, done, total)
        self.part.unlink()
        raise DataError(f"{url}: is larger than the {self.limit} bytes expected")
