DROP TABLE settlement.rail_halts, settlement.rail_sweeps, settlement.rail_events, settlement.payout_file_answers, settlement.payout_file_lines,
    settlement.payout_events, settlement.payouts, settlement.payout_files, settlement.bank_accounts,
    settlement.payout_run_events, settlement.payout_runs, settlement.payout_schedules, settlement.payout_accounts;
DROP FUNCTION settlement.refuse_forgetting_payouts();
