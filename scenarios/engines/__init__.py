"""Engines that turn one life into order classes: reference (oracle), visits (SimPy), population (compiled)."""
