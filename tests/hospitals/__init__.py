"""Mock hospitals."""
