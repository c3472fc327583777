"""A Tiro server from Python: `tiro.Client`."""

from tiro.client.answers import Batch, BatchFile, Event, Page, Recording, Refusal
from tiro.client.client import Client, Options

__all__ = ["Batch", "BatchFile", "Client", "Event", "Options", "Page", "Recording", "Refusal"]
