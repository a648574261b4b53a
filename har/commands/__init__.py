"""Groups of commands that would make `cli.py` too long."""
