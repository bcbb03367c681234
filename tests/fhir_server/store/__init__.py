"""The store port, one specification over every store."""
