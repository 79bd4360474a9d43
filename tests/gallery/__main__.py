"""Writes the page and its pictures: python -m tests.gallery."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .page import PAGE, STATIC, page
from .pictures import PICTURES


def main() -> int:
    """0 when all was written; 1 when the pictures could not be taken anew."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("--browser", metavar="FILE", help="a Chromium (default: the one in the path)")
    parser.add_argument("--html", type=Path, metavar="DIRECTORY", help="also keep the drawn pages there")
    given = parser.parse_args()

    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
    if given.html is not None:
        given.html.mkdir(parents=True, exist_ok=True)
        for picture in PICTURES:
            (given.html / f"{picture.name}.html").write_text(picture.html(), encoding="utf-8")
    try:
        from .browser import find_browser, take
    except ModuleNotFoundError:
        print("the pictures are as they were: they need Pillow, which the extra 'bench' brings")
        return 1
    browser = given.browser or find_browser()
    if browser is None:
        print("the pictures are as they were: there is no Chromium in the path, see --browser")
        return 1
    STATIC.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        file = STATIC / f"{picture.name}.png"
        take(browser, picture.html(), file)
        print(f"taken: {file}, {file.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
