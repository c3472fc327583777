"""Checks of everything in deploy/, with what is at hand: `make check-deploy`."""
