"""`python -m deploy` is `nextup`."""

from deploy.cli import main

if __name__ == "__main__":
    main()
