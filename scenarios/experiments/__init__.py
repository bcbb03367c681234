"""Experiments: what is run how often, and how the answers are summed up with their intervals."""
