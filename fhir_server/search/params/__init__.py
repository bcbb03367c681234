"""Parameter types, one a file: how a value becomes index rows, how a query value meets them."""
