"""fogbed: a fog computing testbed that measures what it emulates."""

__version__ = "0.1.0"
