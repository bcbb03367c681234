"""The command line: one file a command, `main.py` ties them together, `exits.py` ends them."""
