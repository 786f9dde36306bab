"""From values to text and JSON: plans, reasons, runs, catalogs, failures. Pure: it prints nothing."""
