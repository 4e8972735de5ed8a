DROP SCHEMA licensing CASCADE;
ALTER TABLE media.uploads DROP owner;
