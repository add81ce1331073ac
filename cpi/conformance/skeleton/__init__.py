"""What `meristem cpi new` copies: a CPI that keeps the contract from the first minute, over a cloud of files that yours replaces."""
