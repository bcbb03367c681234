"""What keeps the house a house: who may import whom, how large a room may grow."""
