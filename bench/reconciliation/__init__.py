"""How surely and how fast a month is reconciled: both sides made up, with defects of twenty kinds."""
