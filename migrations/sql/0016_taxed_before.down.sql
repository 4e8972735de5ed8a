ALTER TABLE settlement.withholdings DROP COLUMN taxed_before;
