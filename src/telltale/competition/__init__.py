"""The competition's rules: checks of a run, access to files and hosts, pretraining tags, and the ledger of
submissions."""
