DROP INDEX settlement.sales_suspended;
DROP TABLE settlement.rolled, settlement.rolled_months, settlement.kept_reports;
