"""Validators: what the key ``validator`` of an entry names, and who applies it. No storage here."""
