"""`POST /api/calling/calls`: SignalWire's calling commands, translated into the platform's own.

Lives here: their envelope, parameters and answer. What a command does is `calling.commands.dial`,
`calling.commands.operations` and the machine's inputs, as for `/api/calls`.
"""
