"""The search for secrets in everything that the whole test suite makes visible: python -m tests.canary."""
