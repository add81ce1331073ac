"""Release jobs on the VM: the apply spec, bundles, scripts, drain, compilation."""
