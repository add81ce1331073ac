"""The proof that `bin/demo --first` does on a bare machine what it says: run by hand, see docs/how-to/prove-a-fresh-machine.md."""
