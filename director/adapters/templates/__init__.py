"""Templates by real Ruby ERB: a warm renderer process behind the templates port."""

from director.adapters.templates.erb import ErbTemplates

__all__ = ["ErbTemplates"]
