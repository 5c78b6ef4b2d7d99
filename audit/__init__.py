"""What happened: canonical bytes, digests, references, the ledger and its proofs. Knows nothing of datasets."""
