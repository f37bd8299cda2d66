"""What every stage shares: references, the store, commits, the ledger, keys and errors."""
