"""What a finished experiment says: statistics, tables, figures, the report."""
