"""A conversation's state in Restate: records, pages, reading and writing them."""
