"""Approved numbers in files, and who approved them."""
