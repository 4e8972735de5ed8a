"""What the room's routes require, as the front door reads it."""

READ = {"scope": "licences:read"}
WRITE = {"scope": "licences:write"}
POLICY = {"scope": "licences:policy"}
WEBHOOKS = {"scope": "webhooks:manage"}
PARTIES = {"scope": "parties:manage"}
PARTY_READ = {"scope": "party:read"}
PARTY_WRITE = {"scope": "party:write"}
PARTY_MANAGE = {"scope": "party:manage"}
ANYONE = {"authenticated": True}
PUBLIC = {"public": True}
