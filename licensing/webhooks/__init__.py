"""Webhooks out, as Standard Webhooks has them: a book's events, signed, sent to where the host says, until taken.

`endpoints`: where events go. `deliveries`: each event for each endpoint, its log, its replay. `sending`: what is due is
sent. `addresses`: which addresses of the network may be sent to.
"""
