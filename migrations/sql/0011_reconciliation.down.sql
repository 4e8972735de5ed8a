DROP TABLE settlement.residuals, settlement.matched_lines, settlement.matched_postings, settlement.matches,
    settlement.reconciliation_events, settlement.reconciliations, settlement.platform_lines, settlement.external_lines,
    settlement.bank_file_faults, settlement.bank_files;
DROP FUNCTION settlement.refuse_signed(), settlement.refuse_unsigning(), settlement.refuse_forgetting_matches(),
    settlement.refuse_reassigning();
