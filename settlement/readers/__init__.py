"""Readers: from a marketplace's file to what it says of each order line, or why a row can't be read."""

from settlement.readers.reading import FORMATS, Report, read

__all__ = ["FORMATS", "Report", "read"]
