-- What of a payment was taxed with an earlier one, a part of which came back: it is not taxed twice. Below zero where an
-- earlier one counted a part as taxed that came back with its tax after all: that is taxed now.
ALTER TABLE settlement.withholdings
    ADD COLUMN taxed_before bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT withholdings_taxed_before CHECK (taxed_before <= gross);
