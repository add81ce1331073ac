"""What the demo's programs share: a JSON web server, a JSON client, a durable counter."""
