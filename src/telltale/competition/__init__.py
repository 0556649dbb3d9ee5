"""The competition's rules as checks of a run, a log of what training reads, and the ledger of submissions."""
