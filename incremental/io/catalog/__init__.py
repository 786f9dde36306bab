"""The catalog: entries, patterns, types, parameters, and the survey. It knows no graph and no run."""
