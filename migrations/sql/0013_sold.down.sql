DROP INDEX ledger.entries_periods, settlement.parked_rows_open;
ALTER TABLE settlement.imports DROP COLUMN posted;
DROP TABLE settlement.sold, settlement.sold_periods;
