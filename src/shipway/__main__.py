"""`python -m shipway`: the same as the script `shipway`."""

from shipway.cli.main import entry

if __name__ == "__main__":
    entry()
