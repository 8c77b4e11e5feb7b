"""Which method finds the change points that people marked: ours against the known ones."""
