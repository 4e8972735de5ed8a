"""A local stand-in for the part of Stripe that payouts use. It is not Stripe, and moves no money.

Stripe's own SDK talks to it: form encoding, errors, lists, idempotency keys, signed webhooks, balances that add up.
Time travels when told to, and faults are given on request. `Sandbox` does no I/O: in process a test drives it directly
(`in_process.InProcess`), over HTTP `server.Application` does.

refusals    every error it answers with
forms       form-encoded parameters into values
parameters  what an endpoint takes; what is refused before it executes
tables      objects by id, lists of them
state       accounts, their money, the clock, what is still to happen
money       balances and the balance transactions that make them
accounts    connected accounts, as the platform sees to them
onboarding  connected accounts, as their owners and Stripe do
transfers   transfers and reversals
payouts     from an account to its bank
events      what happened, for webhooks
expanding   `expand`
endpoints   what each endpoint does
routes      which there are, and what they take
keys        idempotency keys, API keys, rates
faults      what goes wrong, when
outbox      webhooks on their way
answering   one request through all of this
sandbox     the whole of it
control     /_sandbox/: what Stripe does not offer
journal     a sandbox that outlives its process
server      the ASGI application
in_process  the same without a socket
"""

from clipledger.stripe_sandbox.answering import Response
from clipledger.stripe_sandbox.faults import EventFault, Fault, Faults
from clipledger.stripe_sandbox.sandbox import API_KEY, ConnectionFault, Sandbox

__all__ = ["API_KEY", "ConnectionFault", "EventFault", "Fault", "Faults", "Response", "Sandbox"]
