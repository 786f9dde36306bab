"""The version of this distribution, read by the build and by ``incremental --version``."""

__version__ = "0.1.0"
