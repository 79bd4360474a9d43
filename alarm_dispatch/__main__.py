"""``python -m alarm_dispatch`` is the command line."""

from alarm_dispatch.cli import main

if __name__ == "__main__":
    main()
