"""Variables that all apps have, while they run or while they are staged."""
