"""The HTTP front door: what every request passes before and after its handler.

request_log            request id, access log, security headers
└ problems             every error as RFC 9457 problem details
  └ gate               who is asking, how often, may they
    └ unit_of_work     one transaction, committed before the answer leaves; idempotency; audit
      └ the handler    in a room's api.py
"""
