"""Face recognition on event video with the lights on."""

__version__ = "0.1.0"
