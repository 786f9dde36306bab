"""The pipelines, each in a package of its own."""
