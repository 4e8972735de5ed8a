"""Certificates: what a grant comes to, on a page and on paper, and an address that tells anybody whether it holds.

A certificate is made when it is asked for, from the grant as it stands; none is kept. Its SHA-256 is of what was
granted and not of the grant's state: a paper stays genuine through a suspension, and is out of date once the terms,
the window or the accounts have changed. Names that can change (of licensee, offer, agency and streams) stand on it, but
what is hashed are their numbers.
"""
