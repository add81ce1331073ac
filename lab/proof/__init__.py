"""The proof that `bin/demo` does on a bare machine what it says: run by hand, see docs/how-to/prove-a-fresh-machine.md."""
