"""One folder a namespace."""
