"""The stager: turns an app's package into a droplet, by buildpacks, in a container."""
