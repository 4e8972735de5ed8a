"""What the room's routes require, as the front door reads it."""

READ = {"scope": "settlement:read"}
IMPORT = {"scope": "settlement:import"}
APPROVE = {"scope": "settlement:approve"}
PARTY_READ = {"scope": "party:read"}
PARTY_MANAGE = {"scope": "party:manage"}
RAILS = {"scope": "rails:manage"}
PUBLIC = {"public": True}
