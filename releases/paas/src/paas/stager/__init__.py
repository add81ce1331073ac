"""The stager: turns an application's files into a droplet, in a container, by buildpacks."""
