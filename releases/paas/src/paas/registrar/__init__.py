"""The route registrar: says on the bus which addresses a component beside it serves, for as long as it does."""
