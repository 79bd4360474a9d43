"""Runs the code in the documentation."""

from pathlib import Path

from tests.docs.blocks import sybil_for

pytest_collect_file = sybil_for(Path(__file__).parent, "*.md").pytest()
