"""Where the purchases of a backtest come from: a file of the caller's, or the purchase log."""
