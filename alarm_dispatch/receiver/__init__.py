"""A receiver that answers by a script: for trying things out, and for tests."""
