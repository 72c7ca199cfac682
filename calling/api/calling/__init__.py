"""`POST /api/calling/calls`: SignalWire's calling commands (contract 9), said in this platform's own.

Lives here: their envelope, parameters and answer. What a command does is `calling.placing`,
`calling.operating` and the machine's inputs, as for `/api/calls`.
"""
