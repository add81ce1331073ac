"""The stages of `bin/test`: static checks, then the test suites, each timed, with one count over all of them."""
