"""The rulebook's specification as tables, and the properties that hold for every case."""
