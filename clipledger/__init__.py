"""The front door: settings, database, access, HTTP app, command line, jobs. No business rule lives here."""
