"""The command line, one module a command or group. Each command calls one function; torch and its friends are imported
inside commands."""

from spatialgan.cli.commands import main

__all__ = ["main"]
