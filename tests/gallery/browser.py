"""Takes a picture of an HTML page with a Chromium that has no window and loads nothing; needs Pillow."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

__all__ = ["find_browser", "take"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-lcd-text",  # letters in grey alone
)
_WIDTH = 1120
_SCALE = 1.5
_TALL = 4000
_COLOURS = 64
# The page's own height, which only a browser knows.
_MEASURE = "<script>document.documentElement.dataset.height=document.body.offsetHeight</script>"
_HEIGHT = re.compile(r'data-height="(\d+)"')


def find_browser() -> str | None:
    """A Chromium in the path."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def take(browser: str, page: str, picture: Path) -> None:
    """Write the picture of the page, as high as the page is."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "page.html")
        file.write_text(page.replace("</body>", f"{_MEASURE}</body>"), encoding="utf-8")
        measured = _run(browser, directory, file, _TALL, "--dump-dom")
        found = _HEIGHT.search(measured)
        if found is None:
            raise RuntimeError(f"{browser} measured nothing")
        _run(
            browser,
            directory,
            file,
            int(found[1]),
            f"--force-device-scale-factor={_SCALE}",
            f"--screenshot={picture.resolve()}",
        )
    _shrink(picture)


def _shrink(picture: Path) -> None:
    """Keep as many colours as letters on light grounds need: a third of the bytes."""
    with Image.open(picture) as taken:
        few = taken.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def _run(browser: str, directory: str, page: Path, height: int, *flags: str) -> str:
    command = [browser, *_FLAGS, f"--user-data-dir={directory}/profile", f"--window-size={_WIDTH},{height}"]
    ran = subprocess.run(
        [*command, *flags, page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout
