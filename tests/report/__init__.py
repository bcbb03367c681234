"""Tests of the report: the page, the printed summary, the shape of summary.json."""
