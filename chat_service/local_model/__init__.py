"""The embedded model: a small real one, so that the first answer needs no account."""
