"""``python -m incremental`` is the ``incremental`` command."""

from incremental.cli.main import main

if __name__ == "__main__":
    main()
