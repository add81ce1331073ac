"""The PaaS of the DEA era: every component is a room of this package and runs as ``python3 -m paas.ROOM --config FILE``.

Rooms know one another by what goes over the network only: messages on the bus (``paas.messages``) and HTTP.
"""
