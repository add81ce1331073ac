"""The droplet execution agent: runs instances of apps in containers of this VM and tells how they do."""
