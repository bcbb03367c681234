"""Subscriptions against receivers on real sockets."""
