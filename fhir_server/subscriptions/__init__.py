"""Subscriptions, classic and by topic: what is wished for, what happened, who has been told."""
