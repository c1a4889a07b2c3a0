"""What a backtest found, as a page, as a file for programs, and as a table at a terminal."""
