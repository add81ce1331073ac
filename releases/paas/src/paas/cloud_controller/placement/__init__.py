"""Where instances and stagings go: what DEAs and stagers advertise, and the choice among them."""
