"""The conversation relay: a program that only reads and writes text talks with a party.

Its protocol is Twilio's ConversationRelay. `messages`, `clauses`, `word_clock` and `conversation` are pure;
`program` holds the WebSocket, `mouth` the sound, and `relay` is the operation that joins them.
"""
