"""What a finished run looks like: the printed summary and the self-contained HTML page."""
