"""Statements: what every party is told of a month, line by line, and on which papers."""
