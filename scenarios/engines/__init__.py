"""Engines from life to order classes: reference (oracle), visits (SimPy), population (compiled)."""
