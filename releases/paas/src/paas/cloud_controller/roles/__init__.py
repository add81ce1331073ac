"""Users, and their roles in organizations and spaces."""
