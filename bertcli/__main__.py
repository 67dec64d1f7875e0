"""Runs the command line as ``python -m bertcli``."""

from bertcli.cli.app import main

if __name__ == "__main__":
    main()
