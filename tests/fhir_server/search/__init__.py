"""Search, as tables: resources, query, ids that are found; the same over every store."""
