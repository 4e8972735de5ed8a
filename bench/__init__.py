"""Measurements, one module each: `python -m bench.NAME [--quick] --json FILE`. Bars are judged here, never in tests."""
