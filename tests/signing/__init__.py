"""Signers and verifiers, alone and on the way."""
