"""How fast the pages are, and how heavy, with a host's whole month behind them."""
