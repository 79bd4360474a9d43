"""Coverage-guided fuzzing of what reads bytes of other people's making: ``python -m tests.fuzz``."""
