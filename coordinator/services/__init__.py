"""What the coordination service knows and does, one file a service; the rules decide."""
