"""One file per subcommand of nextup."""
