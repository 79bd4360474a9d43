"""Runs the code in the README."""

from pathlib import Path

from tests.docs.blocks import sybil_for

pytest_collect_file = sybil_for(Path(__file__).parent, "README.md").pytest()
