"""Who may clip what, and under which terms: offers, grants, clips, claims and matching."""
