"""A Tiro server from Python: `tiro.Client`."""

from tiro.client.answers import Event, Page, Recording
from tiro.client.client import Client, Options

__all__ = ["Client", "Event", "Options", "Page", "Recording"]
