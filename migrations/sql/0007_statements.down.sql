DROP TABLE settlement.statement_lines, settlement.statements, settlement.true_ups, settlement.closing_events, settlement.closings;
DROP FUNCTION settlement.refuse_issued(), settlement.refuse_reopening();
