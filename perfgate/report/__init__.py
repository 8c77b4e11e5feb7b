"""Everything that people and other systems read of a run, from one view."""
