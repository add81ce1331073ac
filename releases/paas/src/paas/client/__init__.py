"""The platform's command line: ``paas``. It speaks with the platform over HTTP, as its users do."""
