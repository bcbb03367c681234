"""`python -m lienthong` is the same as `lienthong`."""

from lienthong.cli.main import main

main()
