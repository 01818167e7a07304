"""What finished runs show: statistics, tables, figures, the page of an experiment."""
