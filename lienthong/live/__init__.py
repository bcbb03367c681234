"""Parts of a live network: what it is made from, the people in it, its administration."""
