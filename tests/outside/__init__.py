"""What needs more than Python: a package index, a browser. Run by make outside."""
