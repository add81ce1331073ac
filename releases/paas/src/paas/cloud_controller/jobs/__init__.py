"""Jobs: work that takes longer than a request, kept in the database until it is done."""
