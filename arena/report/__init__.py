"""Reports: run folders compared, with intervals, as an HTML page, JSON and a table in the terminal."""
