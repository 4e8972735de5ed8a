DROP TABLE settlement.rolled, settlement.rolled_months;
