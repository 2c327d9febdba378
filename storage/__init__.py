"""The ledger: what was asked, sent, paid, received and decided. The only package that knows SQL."""
